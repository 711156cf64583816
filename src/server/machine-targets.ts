/**
 * Every machine's target: its own name, and as LUN 0 its own disk. It is opened when the machine logs in, and closed a while after its
 * last session has ended: then its disk can be removed although the server runs.
 */

import type { Device } from '../block/device.ts';
import { DisklessError, type MacAddress } from '../bytes/index.ts';
import type { Clock, Timer } from '../os/clock.ts';
import type { DiskName, Image, Pool } from '../pool/pool.ts';
import type { Asker, Removal, TargetDirectory } from '../target/directory.ts';
import type { SessionEnd, TargetEvent } from '../target/event.ts';
import { Target } from '../target/target.ts';
import { loadFeatures, type UnitFeatures } from '../target/unit-features.ts';
import type { Machines } from './machines.ts';

/**
 * Milliseconds that a target stays open without a session: longer than a login takes once its disk is ready (15 s, and 30 s for what a
 * former session has under way), and than a machine needs from its firmware's session to its system's.
 */
const IDLE_TIME = 60_000;

interface OpenTarget {
  readonly target: Target;
  readonly disk: Device;
}

interface Entry {
  /** A promise, so that two logins at the same time share one disk. */
  readonly opening: Promise<OpenTarget>;
  idle: Timer | undefined;
}

export class MachineTargets implements TargetDirectory, AsyncDisposable {
  readonly #machines: Machines;
  readonly #pool: Pool;
  readonly #image: Image;
  readonly #clock: Clock;
  readonly #onCloseFailed: (error: unknown, mac: MacAddress | undefined) => void;
  /** By target name. */
  readonly #entries = new Map<string, Entry>();
  /** By target name: disks that are being closed, for whoever asks for them again. */
  readonly #closing = new Map<string, Promise<void>>();
  #hasEnded = false;

  /** `onCloseFailed` hears of a disk that could not be flushed when nobody used it any more. */
  constructor(
    machines: Machines,
    pool: Pool,
    image: Image,
    clock: Clock,
    onCloseFailed: (error: unknown, mac: MacAddress | undefined) => void,
  ) {
    this.#machines = machines;
    this.#pool = pool;
    this.#image = image;
    this.#clock = clock;
    this.#onCloseFailed = onCloseFailed;
  }

  /** SendTargets lists what belongs to the machine that asks: dracut logs in to nothing that is not listed. */
  names({ initiatorName, remote }: Asker): readonly string[] {
    return this.#machines.targetsFor(initiatorName, remote.address);
  }

  /**
   * Whoever asks for a machine's target gets it: its name is all that a machine has to show here. A machine that was never seen
   * before becomes one of the fleet by asking, as without our DHCP this is the first that is heard of it.
   *
   * A disk is only made for a machine that starts. A system that was cut off while its disk was removed would go on writing what it
   * remembers of the old one to a new one, and few initiators look at who answers when they log in again.
   */
  async find(name: string): Promise<Target | Removal | undefined> {
    const mac = this.#machines.byTargetName(name);
    if (mac === undefined || this.#hasEnded) return undefined;
    const entry = this.#entries.get(name) ?? this.#enter(name, mac);
    entry.idle?.cancel();
    try {
      const { target } = await entry.opening;
      // Its session is still to come, however long the disk has taken.
      this.#watch(name, entry);
      return target;
    } catch (error) {
      if (!(error instanceof DisklessError) || error.code !== 'DISK_NOT_FOUND') throw error;
      return {
        removed: `${error.message}, and its system may still be running from one that was removed: start it again, or tell "diskless host reset --off" that it is off`,
      };
    }
  }

  #enter(name: string, mac: MacAddress): Entry {
    const opening = this.#open(name, mac);
    const entry: Entry = { opening, idle: undefined };
    this.#entries.set(name, entry);
    opening.catch(() => {
      entry.idle?.cancel();
      if (this.#entries.get(name) === entry) this.#entries.delete(name);
    });
    return entry;
  }

  async #open(name: string, mac: MacAddress): Promise<OpenTarget> {
    await this.#closing.get(name);
    await this.#machines.seen(mac);
    const { device, features } = await this.#openDisk(mac);
    const units = new Map([[0, device]]);
    const target = new Target({ name, alias: `diskless ${mac}`, units, features: new Map([[0, features]]) });
    return { target, disk: device };
  }

  async #openDisk(mac: MacAddress): Promise<{ device: Device; features: UnitFeatures }> {
    const disk: DiskName = { host: mac, image: this.#image };
    const device = await this.#pool.openDisk(disk, { make: !this.#machines.mayBeRunning(mac) });
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

  /** What the portals tell of sessions. */
  observe(event: TargetEvent): void {
    if (event.kind !== 'login' && event.kind !== 'session ended') return;
    const { targetName } = event.session;
    const mac = targetName === undefined ? undefined : this.#machines.byTargetName(targetName);
    if (targetName === undefined || mac === undefined) return;
    if (event.kind === 'login') this.#machines.loggedIn(mac);
    else void this.#sessionEnded(targetName, mac, event.reason);
  }

  /** It may have been the last one. */
  async #sessionEnded(name: string, mac: MacAddress, reason: SessionEnd): Promise<void> {
    const entry = this.#entries.get(name);
    if (entry === undefined || this.#hasEnded) return;
    this.#watch(name, entry);
    const { target } = await entry.opening;
    // Who logs out lets go of the disk; of every other end a system may know nothing, and come back.
    if (reason === 'logout' && target.sessions.size === 0) this.#machines.isNotRunning(mac);
  }

  #watch(name: string, entry: Entry): void {
    entry.idle?.cancel();
    if (this.#hasEnded) return;
    entry.idle = this.#clock.after(IDLE_TIME, () => void this.#closeIfIdle(name, entry));
  }

  async #closeIfIdle(name: string, entry: Entry): Promise<void> {
    const { target, disk } = await entry.opening;
    if (!target.isIdle || this.#entries.get(name) !== entry) return;
    this.#entries.delete(name);
    const closed = closeTarget(target, disk).catch((error: unknown) => {
      this.#onCloseFailed(error, this.#machines.byTargetName(name));
    });
    this.#closing.set(name, closed);
    await closed;
    this.#closing.delete(name);
  }

  /** Flushes and closes the disks; no portal serves them any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#hasEnded = true;
    for (const { idle } of this.#entries.values()) idle?.cancel();
    const openings = await Promise.allSettled([...this.#entries.values()].map(({ opening }) => opening));
    const open = openings.flatMap((opening) => (opening.status === 'fulfilled' ? [opening.value] : []));
    const results = await Promise.allSettled(open.map(({ target, disk }) => closeTarget(target, disk)));
    await Promise.all(this.#closing.values());
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }
}

async function closeTarget(target: Target, disk: Device): Promise<void> {
  await target.close();
  await disk.close();
}
