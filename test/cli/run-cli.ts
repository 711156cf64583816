/** Runs the program as a user does, and gives what it said. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

const launcher = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** What goes before the program, such as `ip netns exec NAME`. */
  readonly wrapper?: readonly string[];
  /** Node to run it with; default: the one that runs this. */
  readonly node?: string;
}

/** Runs `diskless` with `args` to its end; a program that hangs is ended after 60 s and gives the code null. */
export function runCli(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const [command = '', ...rest] = [...(options.wrapper ?? []), options.node ?? process.execPath, launcher, ...args];
  const child = spawn(command, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.environment },
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}
