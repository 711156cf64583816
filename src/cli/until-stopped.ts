/** A service's life under signals: the first SIGTERM or SIGINT stops it in order, a second one ends the process at once. */

import { constants } from 'node:os';

export interface Running {
  /** `reason` names the signal. */
  stop(reason: string): Promise<void>;
}

const stopSignals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/**
 * Starts a service and returns after it was stopped by a signal. A signal while it starts ends the start; that is no failure either.
 */
export async function untilStopped(start: (signal: AbortSignal) => Promise<Running>): Promise<void> {
  const interruption = new AbortController();
  const stopped = Promise.withResolvers<string>();
  const onSignal = (name: NodeJS.Signals) => {
    if (interruption.signal.aborted) process.exit(128 + constants.signals[name]);
    interruption.abort();
    stopped.resolve(name);
  };
  for (const name of stopSignals) process.on(name, onSignal);
  try {
    const running = await startUnlessStopped(start, interruption.signal);
    await running?.stop(await stopped.promise);
  } finally {
    for (const name of stopSignals) process.off(name, onSignal);
  }
}

async function startUnlessStopped(
  start: (signal: AbortSignal) => Promise<Running>,
  signal: AbortSignal,
): Promise<Running | undefined> {
  try {
    return await start(signal);
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}
