/** The memory of this process that is in use, once garbage is gone. */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** All of it: bytes. */
export function memoryInUse(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Of buffers only, which is where payload is: bytes. */
export function payloadInUse(): number {
  // Buffers that one collection finds to be unreachable are counted until the next.
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}
