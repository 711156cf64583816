/** The thread of a `TimeGiverThread` (time-giver.ts): it waits for files and gives them the time, until the process ends. */

import { workerData } from 'node:worker_threads';
import { fileCalls } from './file-calls.ts';
import { COUNT, FILES, RESULT, Result, STATE, State } from './time-giver-memory.ts';

function giveTimes(shared: Int32Array): never {
  for (;;) {
    Atomics.store(shared, STATE, State.idle);
    Atomics.notify(shared, STATE);
    Atomics.wait(shared, STATE, State.idle);
    const files = shared.subarray(FILES, FILES + (shared[COUNT] ?? 0));
    shared[RESULT] = files.every((file) => fileCalls?.setTimes(file) === 0) ? Result.given : Result.refused;
  }
}

const shared: unknown = workerData;
if (shared instanceof Int32Array) giveTimes(shared);
