/** Work that a person may end: the first SIGINT or SIGTERM aborts it in order, and the program ends with 130. */

import { DisklessError } from '../bytes/index.ts';
import { exitCode } from './errors.ts';

export async function untilInterrupted(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const interruption = new AbortController();
  const onSignal = () => interruption.abort(new DisklessError('INTERRUPTED', 'it was interrupted'));
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, onSignal);
  try {
    await work(interruption.signal);
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
  } finally {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, onSignal);
  }
  if (!interruption.signal.aborted) return;
  process.stderr.write('diskless: interrupted\n');
  process.exitCode = exitCode.interrupted;
}
