/** Debian's open-iscsi in a guest, used as an administrator uses it: discover, set up the record, log in, look at the session. */
import type { Guest } from './guest.ts';

/** Settings of a node record, by their names in iscsid.conf. */
export type NodeSettings = Readonly<Record<string, string>>;

export interface OpenIscsiOptions {
  readonly initiatorName: string;
  /** Where SendTargets is asked. */
  readonly portal: string;
  readonly targetName: string;
}

const daemonLog = '/run/iscsid.log';
const countRecoveries = `grep -c 'operational after recovery' ${daemonLog}`;

export class OpenIscsi {
  readonly #guest: Guest;
  readonly #node: string;

  private constructor(guest: Guest, node: string) {
    this.#guest = guest;
    this.#node = node;
  }

  /** Starts the daemon and makes the record of the target that discovery finds. */
  static async start(guest: Guest, { initiatorName, portal, targetName }: OpenIscsiOptions): Promise<OpenIscsi> {
    await guest.run(`echo InitiatorName=${initiatorName} > /etc/iscsi/initiatorname.iscsi`);
    // At this level it says when a target has proved who it is.
    await guest.run(`iscsid --foreground --debug 2 > ${daemonLog} 2>&1 &`);
    await guest.until(`grep InitiatorName ${daemonLog}`);
    await guest.run(`iscsiadm --mode discovery --type sendtargets --portal ${portal}`);
    return new OpenIscsi(guest, `iscsiadm --mode node --targetname ${targetName} --portal ${portal}`);
  }

  async configure(settings: NodeSettings): Promise<void> {
    const updates = Object.entries(settings).map(
      ([name, value]) => `${this.#node} --op update --name '${name}' --value '${value}'`,
    );
    await this.#guest.run(updates.join(' && '));
  }

  /** Gives the path of the one disk that the target has. */
  async login(): Promise<string> {
    await this.#guest.run(`${this.#node} --login`);
    const [disk = ''] = await this.#disks(1);
    return disk;
  }

  /** Logs in once more beside the session that is there; gives the paths of the disk, one by each session. */
  async loginAgain(): Promise<string[]> {
    await this.#guest.run('iscsiadm --mode session --sid 1 --op new');
    return this.#disks(2);
  }

  async logout(): Promise<void> {
    await this.#guest.run(`${this.#node} --logout`);
  }

  /** What `iscsiadm` shows of the session, such as `HeaderDigest`. */
  async session(): Promise<ReadonlyMap<string, string>> {
    const shown = await this.#guest.run('iscsiadm --mode session --print 2');
    return new Map([...shown.matchAll(/^\s*([^:\n]+): (.*)$/gm)].map(([, name = '', value = '']) => [name, value]));
  }

  /** How many commands the kernel has aborted, having waited for their answers in vain. */
  async aborts(): Promise<number> {
    const statistics = await this.#guest.run('iscsiadm --mode session --stats');
    const counts = [...statistics.matchAll(/eh_abort_cnt: (\d+)/g)];
    if (counts.length === 0) throw new Error(`there is no count of aborts:\n${statistics}`);
    return counts.reduce((total, [, count]) => total + Number(count), 0);
  }

  /** Waits until the daemon has brought back a lost connection for the `count`th time. */
  async recovered(count: number): Promise<void> {
    await this.#guest.until(`[ $(${countRecoveries}) -ge ${count} ]`, 120_000);
  }

  async recoveries(): Promise<number> {
    return Number(await this.#guest.run(`${countRecoveries} || true`));
  }

  /** What kernel and daemon have said of connections that they lost. */
  losses(): Promise<string> {
    return this.#guest.run(`dmesg | grep 'conn error'; grep -E 'error|retry|recovery' ${daemonLog} || true`);
  }

  /** What the daemon has said since it was started. */
  log(): Promise<string> {
    return this.#guest.run(`cat ${daemonLog}`);
  }

  /** The kernel finds disks after a login has been reported, and in a guest without udev nobody tells. */
  async #disks(count: number): Promise<string[]> {
    const blocks = '/sys/class/iscsi_session/session*/device/target*/*/block/*';
    await this.#guest.until(`[ $(ls -d ${blocks} | wc -l) -eq ${count} ]`);
    const disks = (await this.#guest.run(`ls -d ${blocks}`))
      .split('\n')
      .map((path) => `/dev/${path.split('/').at(-1)}`);
    for (const disk of disks) await this.#guest.until(`[ -b ${disk} ]`);
    return disks;
  }
}
