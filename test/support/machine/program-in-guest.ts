/** `diskless` as a program of a guest: the guest mounts this checkout and this Node from its host (9p), and runs them by itself. */
import { dirname, join } from 'node:path';
import type { Guest } from './guest.ts';

const checkout = join(import.meta.dirname, '..', '..', '..');

const shares = { checkout, node: dirname(process.execPath) } as const;

/** QEMU's arguments for a guest that is to run the program. */
export const sharedProgram: readonly string[] = Object.entries(shares).flatMap(([tag, path]) => [
  '-virtfs',
  `local,path=${path},mount_tag=${tag},security_model=none,readonly=on,multidevs=remap`,
]);

/** Emulated, Node takes a while to start. Milliseconds. */
const patience = 240_000;

const output = '/run/diskless.log';

export class ProgramInGuest {
  readonly #guest: Guest;

  private constructor(guest: Guest) {
    this.#guest = guest;
  }

  /** Starts `diskless` with its arguments, in a guest that has `sharedProgram`. */
  static async start(guest: Guest, ...args: readonly string[]): Promise<ProgramInGuest> {
    for (const tag of Object.keys(shares)) {
      // Nothing there changes while a guest is on: what was read once need not be asked for again.
      const how = 'trans=virtio,version=9p2000.L,cache=loose,msize=512000,ro';
      const mount = `mkdir -p /${tag} && mount -t 9p -o ${how} ${tag} /${tag}`;
      await guest.run(`grep -q ' /${tag} ' /proc/mounts || { ${mount}; }`);
    }
    await guest.run(`/node/node /checkout/bin/diskless.js ${args.join(' ')} > ${output} 2>&1 &`);
    return new ProgramInGuest(guest);
  }

  /** Waits for a line; gives what the pattern has found in it. Rejects with all that was said when the program ends before. */
  async said(pattern: RegExp): Promise<RegExpExecArray> {
    await this.#guest.until(`grep -E '${pattern.source}' ${output} || ! kill -0 $!`, patience);
    const said = await this.#guest.run(`cat ${output}`);
    const match = pattern.exec(said);
    if (match === null) throw new Error(`diskless in the guest did not say ${pattern}:\n${said}`);
    return match;
  }

  /** Ends it by SIGTERM; gives its exit status. */
  async stop(): Promise<number> {
    return Number(await this.#guest.run('kill $!; wait $!; echo $?', patience));
  }
}
