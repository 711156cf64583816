/** Programs that this one runs to their end. */

import { spawn } from 'node:child_process';
import { DisklessError } from '../bytes/index.ts';

export interface ProcessOptions {
  /** Ends the program. */
  readonly signal?: AbortSignal;
  /** Milliseconds without any output after which the program counts as stuck and is ended. */
  readonly silence: number;
  /** What it writes on its standard output, as it comes. */
  readonly output?: (text: string) => void;
  /** Told its process id when it has been started. */
  readonly started?: (pid: number) => void;
}

/** Runs a program and returns when it has ended well. Raises PROCESS_NOT_FOUND, PROCESS_FAILED, PROCESS_STUCK, PROCESS_ABORTED. */
export type RunProcess = (program: string, args: readonly string[], options: ProcessOptions) => Promise<void>;

/** Milliseconds: a killed program is gone at once, but for one that waits inside of the kernel, such as for a disk. */
const END_PATIENCE = 2_000;
/** How much of what a program said about its failure is kept: the end, where the reason is. */
const COMPLAINT_LENGTH = 2000;

export const runProcess: RunProcess = (program, args, options) =>
  new Promise((resolve, reject) => {
    if (options.signal?.aborted) {
      reject(aborted(program));
      return;
    }
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let complaint = '';
    let reason: DisklessError | undefined;
    let impatience: NodeJS.Timeout | undefined;
    const end = (error: DisklessError): void => {
      reason ??= error;
      child.kill('SIGKILL');
      impatience ??= setTimeout(() => {
        // What it has started may have its outputs, and keep them.
        for (const output of [child.stdout, child.stderr]) output.destroy();
        child.unref();
        finish(error);
      }, END_PATIENCE);
    };
    const stuck = setTimeout(() => {
      end(new DisklessError('PROCESS_STUCK', `${program} said nothing for ${options.silence / 1000} s and was ended`));
    }, options.silence);
    const abort = (): void => end(aborted(program));
    options.signal?.addEventListener('abort', abort, { once: true });
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stuck.refresh();
      options.output?.(text);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stuck.refresh();
      complaint = (complaint + text).slice(-COMPLAINT_LENGTH);
    });
    const finish = (error: DisklessError | undefined): void => {
      clearTimeout(stuck);
      clearTimeout(impatience);
      options.signal?.removeEventListener('abort', abort);
      if (error === undefined) resolve();
      else reject(error);
    };
    child.on('spawn', () => {
      if (child.pid !== undefined) options.started?.(child.pid);
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      const code = error.code === 'ENOENT' ? 'PROCESS_NOT_FOUND' : 'PROCESS_FAILED';
      finish(new DisklessError(code, `cannot run ${program}: ${error.code ?? error.message}`, { cause: error }));
    });
    child.on('close', (status, signal) => {
      if (reason !== undefined || status === 0) finish(reason);
      else
        finish(new DisklessError('PROCESS_FAILED', `${program} ended with ${status ?? signal}: ${complaint.trim()}`));
    });
  });

function aborted(program: string): DisklessError {
  return new DisklessError('PROCESS_ABORTED', `${program} was ended before it was done`);
}
