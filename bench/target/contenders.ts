/** The servers that are measured against each other, each a process of its own on the loopback interface. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../test/support/free-port.ts';
import { findProgram } from '../../test/support/requires.ts';
import { startTgtd } from '../../test/support/tgtd.ts';

export const contenderNames = ['diskless', 'tgtd', 'bare'] as const;
export type ContenderName = (typeof contenderNames)[number];

export interface Contender extends AsyncDisposable {
  readonly name: ContenderName;
  readonly address: string;
  readonly port: number;
  readonly targetName: string;
  readonly lun: number;
  readonly processId: number;
  /** Bytes of memory that its process holds, without garbage. */
  residentMemory(): Promise<number>;
  /** Seconds of processor time that its process has used. */
  processorTime(): Promise<number>;
}

export const IMAGE_SIZE = 256 << 20;
const LUN = 1;
const ADDRESS = '127.0.0.1';

const updateTarget = ['--op', 'update', '--mode', 'target', '--tid', '1'] as const;

/** Starts one over the image; `folder` holds what it writes. `profile` makes a Node process leave a CPU profile there. */
export async function startContender(
  name: ContenderName,
  image: string,
  folder: string,
  profile = false,
): Promise<Contender> {
  const port = await freePort();
  const targetName = `iqn.2026-11.internal.diskless.bench:${name}`;
  const portal = `${ADDRESS}:${port}`;
  const about = { name, address: ADDRESS, port, targetName, lun: LUN };
  if (name === 'tgtd') {
    // It writes into its image, so it gets its own; both are in the page cache.
    const own = join(folder, 'tgtd.img');
    await copyFile(image, own);
    // Digests only for those who ask: unless it is told so, it refuses them.
    const settings = ['HeaderDigest', 'DataDigest'].map((key) => [
      ...updateTarget,
      '--name',
      key,
      '--value',
      'CRC32C,None',
    ]);
    const tgtd = await startTgtd({ portal, targetName, files: [own], settings });
    const pid = await processListeningFor(portal);
    return { ...about, ...statusOf(pid), [Symbol.asyncDispose]: () => tgtd.kill() };
  }
  const program = (file: string): string => join(import.meta.dirname, file);
  const args =
    name === 'diskless'
      ? [program('served-disk.ts'), image, join(folder, 'data'), targetName, portal]
      : [program('bare-responder.ts'), `${IMAGE_SIZE}`, portal];
  // As large as the launcher of `diskless` leaves it, by a flag that V8 does not heed on a command line.
  const collector = name === 'diskless' ? ['--max-semi-space-size=1'] : [];
  const options = ['--expose-gc', ...collector, ...(profile ? ['--cpu-prof', `--cpu-prof-dir=${folder}`] : [])];
  const child = spawn(process.execPath, [...options, ...args], { stdio: ['ignore', 'inherit', 'pipe'] });
  await said(child, 'ready');
  const status = statusOf(child.pid ?? 0);
  return {
    ...about,
    ...status,
    async residentMemory() {
      const collected = said(child, 'collected');
      child.kill('SIGUSR2');
      await collected;
      return status.residentMemory();
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Waits for a line of a server's standard error. Rejects with what it said when it ends instead. */
async function said(child: ChildProcess, line: string): Promise<void> {
  const { stderr } = child;
  if (stderr === null) throw new Error('standard error is not piped');
  stderr.setEncoding('utf8');
  let text = '';
  await new Promise<void>((resolve, reject) => {
    const ended = (code: number | null): void => reject(new Error(`a server ended with ${code}: ${text}`));
    const listen = (more: string): void => {
      text += more;
      if (!text.includes(`${line}\n`)) return;
      stderr.off('data', listen);
      child.off('exit', ended);
      resolve();
    };
    stderr.on('data', listen);
    child.once('exit', ended);
  });
}

/** The kernel counts processor time in hundredths of a second (sysconf _SC_CLK_TCK). */
const TICKS = 100;

/** VmRSS, utime and stime of proc(5). */
function statusOf(pid: number): Pick<Contender, 'processId' | 'residentMemory' | 'processorTime'> {
  return {
    processId: pid,
    async residentMemory() {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
    },
    async processorTime() {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
      // The second field is the name in parentheses, which may hold spaces; the 14th and 15th are wanted.
      const [utime = '', stime = ''] = stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .slice(11, 13);
      return (Number(utime) + Number(stime)) / TICKS;
    },
  };
}

/** The tgtd whose command line names the portal. */
async function processListeningFor(portal: string): Promise<number> {
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const commandLine = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '');
    const [program = '', ...args] = commandLine.split('\0');
    if (program === findProgram('tgtd') && args.includes(`portal=${portal}`)) return Number(entry);
  }
  throw new Error(`no tgtd listens at ${portal}`);
}
