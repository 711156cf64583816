/** A program that has this one's terminal: what is typed goes to it, and what it says is seen as it comes. */

import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { DisklessError } from '../bytes/index.ts';

export interface ForegroundProcess {
  /** Its exit status; of one that a signal ended, 128 and the signal's number. Rejects with PROCESS_NOT_FOUND or PROCESS_FAILED. */
  readonly ended: Promise<number>;
  /** Tells it to end, and ends it after `patience` milliseconds; settles when it has gone. */
  end(patience: number): Promise<void>;
}

export type StartInForeground = (program: string, args: readonly string[]) => ForegroundProcess;

export const startInForeground: StartInForeground = (program, args) => {
  const child = spawn(program, args, { stdio: 'inherit' });
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      const code = error.code === 'ENOENT' ? 'PROCESS_NOT_FOUND' : 'PROCESS_FAILED';
      reject(new DisklessError(code, `cannot run ${program}: ${error.code ?? error.message}`, { cause: error }));
    });
    child.once('exit', (status, signal) => resolve(status ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
  // Whoever does not wait for it has other news.
  ended.catch(() => {});
  return {
    ended,
    async end(patience) {
      child.kill('SIGTERM');
      const impatience = setTimeout(() => child.kill('SIGKILL'), patience);
      await ended.catch(() => {});
      clearTimeout(impatience);
    },
  };
};
