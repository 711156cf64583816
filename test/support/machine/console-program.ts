/** A program whose terminal is a machine's console: its owner reads and types there. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Console } from './console.ts';
import { makeOutputPipe } from './output-pipe.ts';

export interface ConsoleProgramOptions {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly onLine?: ((line: string) => void) | undefined;
  /** How it is ended by disposal. Default SIGKILL. */
  readonly endedBy?: NodeJS.Signals;
}

export interface ConsoleProgram extends AsyncDisposable {
  readonly console: Console;
  /** Settles when it has ended, whatever the reason: its exit status, null when a signal ended it. */
  readonly exited: Promise<number | null>;
}

export function startConsoleProgram(options: ConsoleProgramOptions): ConsoleProgram {
  const { program, args, env = process.env, onLine = () => {}, endedBy = 'SIGKILL' } = options;
  const pipe = makeOutputPipe();
  const child = spawn(program, args, {
    stdio: ['pipe', pipe.end, 'pipe'],
    env,
    // Ctrl-C in a terminal goes to the whole process group; a machine must be ended by its owner, in order.
    detached: true,
  });
  pipe.end.destroy();
  const console = new Console((text) => child.stdin.write(text), onLine);
  let complaint = '';
  pipe.output.setEncoding('utf8').on('data', (chunk: string) => console.feed(chunk));
  const printed = once(pipe.output, 'close');
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    complaint += chunk;
  });
  // A line typed into a machine that has just gone off has nowhere to go.
  child.stdin.on('error', () => {});
  const exited = new Promise<number | null>((resolve) => {
    child.once('error', (error) => {
      complaint += error.message;
      resolve(null);
    });
    child.once('close', (status) => resolve(status));
  }).then(async (status) => {
    await printed;
    console.close(`the machine went off${complaint === '' ? '' : ` (${complaint.trim()})`}`);
    return status;
  });
  return {
    console,
    exited,
    async [Symbol.asyncDispose]() {
      child.kill(endedBy);
      await exited;
    },
  };
}
