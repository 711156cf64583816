/** Runs the programs of other packages (apt-get, mmdebstrap, mkfs.ext4, ip) and says what they said when they fail. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface CommandOptions {
  /** Ends the program and all that it started. Without one it cannot be interrupted, not even by a terminal's Ctrl-C. */
  readonly signal?: AbortSignal | undefined;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Called with each line of standard output and standard error as it comes, for progress. */
  readonly onLine?: (line: string) => void;
}

/** How much of a failed program's output its error shows. */
const linesKept = 25;

/** Runs a program to its end. Returns its standard output; rejects with the last lines of its output when it fails. */
export async function runCommand(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  options.signal?.throwIfAborted();
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    // A process group of its own: Ctrl-C must not reach a dpkg at work, and an abort must reach the whole of an mmdebstrap.
    detached: true,
  });
  const lastLines: string[] = [];
  const note = (line: string) => {
    lastLines.push(line);
    if (lastLines.length > linesKept) lastLines.shift();
    options.onLine?.(line);
  };
  const output: string[] = [];
  createInterface({ input: child.stderr }).on('line', note);
  createInterface({ input: child.stdout }).on('line', (line) => {
    output.push(line);
    note(line);
  });
  const abort = () => endGroup(child.pid);
  options.signal?.addEventListener('abort', abort, { once: true });
  const code = await new Promise<number | string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve(status ?? signal ?? 'unknown'));
  });
  options.signal?.removeEventListener('abort', abort);
  options.signal?.throwIfAborted();
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}:\n${lastLines.join('\n')}`);
  return output.join('\n');
}

function endGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, 'SIGTERM');
  } catch {
    // It has just ended by itself.
  }
}
