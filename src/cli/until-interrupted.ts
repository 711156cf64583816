/**
 * Work that a person may end: the first SIGINT or SIGTERM aborts it in order, and the program ends with 130; the second ends it at once.
 * Work that has nothing else to wait for than that signal resolves with `as wished`, and the program ends well.
 */

import { DisklessError } from '../bytes/index.ts';
import { exitCode } from './errors.ts';

export async function untilInterrupted(work: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  const interruption = new AbortController();
  const onSignal = () => {
    if (interruption.signal.aborted) process.exit(exitCode.interrupted);
    interruption.abort(new DisklessError('INTERRUPTED', 'it was interrupted'));
  };
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, onSignal);
  try {
    if ((await work(interruption.signal)) === 'as wished') return;
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
  } finally {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, onSignal);
  }
  if (!interruption.signal.aborted) return;
  process.stderr.write('diskless: interrupted\n');
  process.exitCode = exitCode.interrupted;
}
