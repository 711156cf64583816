/** Linux's user-space iSCSI target `tgtd` as a peer: one target with one or more files as its units, for as long as a test runs. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { findProgram } from './requires.ts';

export interface TgtdOptions {
  /** `address:port` to listen on. */
  readonly portal: string;
  readonly targetName: string;
  /** Backing files of LUN 1, 2, ...: tgtd keeps LUN 0 for itself. */
  readonly files: readonly string[];
  /** A network namespace to run in. */
  readonly namespace?: string;
  /** More settings: `tgtadm` arguments, one list per call. */
  readonly settings?: readonly (readonly string[])[];
}

export interface Tgtd extends AsyncDisposable {
  /** Runs `tgtadm` against it. */
  administer(...args: string[]): string;
  /** Stops it as a frozen machine does: it keeps its connections and answers nothing. */
  freeze(): void;
  thaw(): void;
  /** Ends it at once. */
  kill(): Promise<void>;
}

let lastControlPort = 0;

export async function startTgtd(options: TgtdOptions): Promise<Tgtd> {
  // The control port names a socket file, so it has to be this process' own. tgtd takes at most 32767.
  lastControlPort += 1;
  const control = String(1 + ((process.pid * 64 + lastControlPort) % 32_767));
  const inNamespace = options.namespace === undefined ? [] : ['ip', 'netns', 'exec', options.namespace];
  const [program = 'tgtd', ...args] = [
    ...inNamespace,
    findProgram('tgtd') ?? 'tgtd',
    '-f',
    '-C',
    control,
    '--iscsi',
    `portal=${options.portal}`,
  ];
  const daemon = spawn(program, args, { stdio: 'ignore' });
  const tgtd = new RunningTgtd(daemon, control);
  try {
    await tgtd.ready();
    tgtd.administer('--op', 'new', '--mode', 'target', '--tid', '1', '-T', options.targetName);
    options.files.forEach((file, index) => {
      tgtd.administer('--op', 'new', '--mode', 'logicalunit', '--tid', '1', '--lun', String(index + 1), '-b', file);
    });
    tgtd.administer('--op', 'bind', '--mode', 'target', '--tid', '1', '-I', 'ALL');
    for (const setting of options.settings ?? []) tgtd.administer(...setting);
  } catch (error) {
    await tgtd.kill();
    throw error;
  }
  return tgtd;
}

class RunningTgtd implements Tgtd {
  readonly #daemon: ChildProcess;
  readonly #control: string;

  constructor(daemon: ChildProcess, control: string) {
    this.#daemon = daemon;
    this.#control = control;
  }

  /** Its control socket appears when it is up. */
  async ready(): Promise<void> {
    for (let tries = 0; tries < 100; tries++) {
      if (this.#daemon.exitCode !== null) throw new Error(`tgtd ended with ${this.#daemon.exitCode}`);
      if (this.#run('--op', 'show', '--mode', 'target').status === 0) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('tgtd did not come up in 5 s');
  }

  administer(...args: string[]): string {
    const { status, stdout, stderr } = this.#run(...args);
    if (status !== 0) throw new Error(`tgtadm ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  #run(...args: string[]) {
    const program = findProgram('tgtadm') ?? 'tgtadm';
    return spawnSync(program, ['-C', this.#control, '--lld', 'iscsi', ...args], { encoding: 'utf8' });
  }

  freeze(): void {
    this.#daemon.kill('SIGSTOP');
  }

  thaw(): void {
    this.#daemon.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    if (this.#daemon.exitCode !== null || this.#daemon.signalCode !== null) return;
    const ended = once(this.#daemon, 'exit');
    this.#daemon.kill('SIGKILL');
    await ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}
