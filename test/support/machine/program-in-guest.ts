/**
 * `diskless` as a program of a guest, built as it is published: the guest mounts it and this Node from its host (9p), and runs it by
 * itself. Emulated, the sources would take half as long again to load, as Node would have to strip their types.
 */
import { cp, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runCommand } from '../../../scripts/command.ts';
import type { Guest } from './guest.ts';

const checkout = join(import.meta.dirname, '..', '..', '..');

/** Where the guest has each share; the packages lie inside the program's folder. */
const places = { program: '/diskless', packages: '/diskless/node_modules', node: '/node' } as const;

/** Builds the program into an empty folder of the host; gives QEMU's arguments for a guest that is to run it. */
export async function shareProgram(folder: string): Promise<readonly string[]> {
  const compiler = join(checkout, 'node_modules', 'typescript', 'bin', 'tsc');
  const output = ['--outDir', join(folder, 'dist'), '--declaration', 'false', '--sourceMap', 'false'];
  await runCommand(process.execPath, [compiler, '-p', join(checkout, 'tsconfig.build.json'), ...output]);
  for (const part of ['bin', 'package.json']) await cp(join(checkout, part), join(folder, part), { recursive: true });
  await mkdir(join(folder, 'node_modules'));
  const shares = { program: folder, packages: join(checkout, 'node_modules'), node: dirname(process.execPath) };
  return Object.entries(shares).flatMap(([tag, path]) => [
    '-virtfs',
    `local,path=${path},mount_tag=${tag},security_model=none,readonly=on,multidevs=remap`,
  ]);
}

/** Emulated, Node takes a while to start. Milliseconds. */
const patience = 240_000;

const output = '/run/diskless.log';

export class ProgramInGuest {
  readonly #guest: Guest;

  private constructor(guest: Guest) {
    this.#guest = guest;
  }

  /** Starts `diskless` with its arguments, in a guest that it is shared with. */
  static async start(guest: Guest, ...args: readonly string[]): Promise<ProgramInGuest> {
    for (const [tag, place] of Object.entries(places)) {
      // Nothing there changes while a guest is on: what was read once need not be asked for again.
      const how = 'trans=virtio,version=9p2000.L,cache=loose,msize=512000,ro';
      const mount = `mkdir -p ${place} && mount -t 9p -o ${how} ${tag} ${place}`;
      await guest.run(`grep -q ' ${place} ' /proc/mounts || { ${mount}; }`);
    }
    // A program in the background opens its output when it is its turn: until then, what one before it said would still be there.
    await guest.run(`rm -f ${output}; /node/node /diskless/bin/diskless.js ${args.join(' ')} > ${output} 2>&1 &`);
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
