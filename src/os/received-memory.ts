/**
 * What sockets have brought lies outside the collector's heap, in pieces of up to 64 KiB that are garbage a moment later. V8 answers
 * to a few dozen MiB of such memory by marking the whole heap, step by step and on other threads: under a load of large WRITEs that
 * took half of the processor's time. A look at the young objects alone finds those pieces in a third of a millisecond, so it is
 * taken in time; and where the whole heap, small as it is, must be marked all the same, once in one go costs less than by steps.
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Bytes between two looks: few enough to come before V8 does, and more than are in use at one time. */
export const RECEIVED_LIMIT = 12 << 20;

let collect: NodeJS.GCFunction | undefined;
let received = 0;

/** For a program that serves or reads disks, as it starts: it sets the collector of the whole process. */
export function collectReceivedMemory(): void {
  setFlagsFromString('--no-incremental-marking');
  setFlagsFromString('--expose-gc');
  // A context made before the flag was set does not get the function.
  const exposed: unknown = runInNewContext('gc');
  if (isCollector(exposed)) collect = exposed;
}

function isCollector(value: unknown): value is NodeJS.GCFunction {
  return typeof value === 'function';
}

/** A socket has brought so many bytes. Does nothing in a program that has not asked for it. */
export function receivedMemory(bytes: number): void {
  if (collect === undefined) return;
  received += bytes;
  if (received < RECEIVED_LIMIT) return;
  received = 0;
  collect({ type: 'minor', execution: 'sync' });
}
