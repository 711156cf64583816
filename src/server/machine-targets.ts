/** Every machine's target: its own name, and as LUN 0 its own disk, opened when the machine first logs in. */

import type { Device } from '../block/device.ts';
import type { MacAddress } from '../bytes/index.ts';
import type { DiskName, Image, Pool } from '../pool/pool.ts';
import type { Asker, TargetDirectory } from '../target/directory.ts';
import { Target } from '../target/target.ts';
import { loadFeatures, type UnitFeatures } from '../target/unit-features.ts';
import type { Machines } from './machines.ts';

export class MachineTargets implements TargetDirectory, AsyncDisposable {
  readonly #machines: Machines;
  readonly #pool: Pool;
  readonly #image: Image;
  /** By target name. A promise, so that two logins at the same time share one disk. */
  readonly #targets = new Map<string, Promise<Target>>();
  readonly #disks: Device[] = [];

  constructor(machines: Machines, pool: Pool, image: Image) {
    this.#machines = machines;
    this.#pool = pool;
    this.#image = image;
  }

  /** SendTargets lists what belongs to the machine that asks: dracut logs in to nothing that is not listed. */
  names({ initiatorName, remote }: Asker): readonly string[] {
    return this.#machines.targetsFor(initiatorName, remote.address);
  }

  /**
   * Whoever asks for a machine's target gets it: its name is all that a machine has to show here. A machine that was never seen
   * before becomes one of the fleet by asking, as without our DHCP this is the first that is heard of it.
   */
  async find(name: string): Promise<Target | undefined> {
    const mac = this.#machines.byTargetName(name);
    if (mac === undefined) return undefined;
    const known = this.#targets.get(name);
    if (known !== undefined) return known;
    const opening = this.#open(name, mac);
    this.#targets.set(name, opening);
    opening.catch(() => this.#targets.delete(name));
    return opening;
  }

  async #open(name: string, mac: MacAddress): Promise<Target> {
    await this.#machines.seen(mac);
    const disk = await this.#openDisk({ host: mac, image: this.#image });
    this.#disks.push(disk.device);
    const units = new Map([[0, disk.device]]);
    return new Target({ name, alias: `diskless ${mac}`, units, features: new Map([[0, disk.features]]) });
  }

  async #openDisk(disk: DiskName): Promise<{ device: Device; features: UnitFeatures }> {
    const device = await this.#pool.openDisk(disk);
    try {
      const features = await loadFeatures({
        reservations: this.#pool.noteOf(disk, 'reservations'),
        information: this.#pool.noteOf(disk, 'information'),
      });
      return { device, features };
    } catch (error) {
      await device.close();
      throw error;
    }
  }

  /** Flushes and closes the disks; no portal serves them any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    const targets = await Promise.allSettled(this.#targets.values());
    const served = targets.flatMap((target) => (target.status === 'fulfilled' ? [target.value] : []));
    await Promise.all(served.map((target) => target.close()));
    const results = await Promise.allSettled(this.#disks.map((disk) => disk.close()));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }
}
