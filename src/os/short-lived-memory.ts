/**
 * What sockets bring, and what is read from files to be sent, lies outside the collector's heap, in pieces of up to 64 KiB and more
 * that are garbage a moment later. V8 answers to a few dozen MiB of such memory by marking the whole heap, step by step and on other
 * threads: under a load of large WRITEs that took half of the processor's time, and beside READs of a disk's own blocks everything
 * else waited for milliseconds. A look at the young objects alone finds those pieces, so it is taken in time;
 * and where the whole heap, small as it is, must be marked all the same, once in one go costs less than by steps.
 *
 * The space for young objects is small (bin/diskless.js keeps it so), and hardly anything in it lives: a look at it takes a tenth of
 * a millisecond, and half as long again where other threads are woken up to help.
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { partOf } from '../bytes/index.ts';

/** Bytes between two looks: few enough to come before V8 does, and more than are in use at one time. */
export const SHORT_LIVED_LIMIT = 12 << 20;

let collect: NodeJS.GCFunction | undefined;
let taken = 0;

/** For a program that serves or reads disks, as it starts: it sets the collector of the whole process. */
export function collectShortLivedMemory(): void {
  setFlagsFromString('--no-incremental-marking');
  setFlagsFromString('--no-parallel-scavenge');
  // Where the first objects lived long, as those of writes do that wait for a disk, V8 would take all later ones for old.
  setFlagsFromString('--no-allocation-site-pretenuring');
  setFlagsFromString('--expose-gc');
  // A context made before the flag was set does not get the function.
  const exposed: unknown = runInNewContext('gc');
  if (isCollector(exposed)) collect = exposed;
}

function isCollector(value: unknown): value is NodeJS.GCFunction {
  return typeof value === 'function';
}

/** So many bytes have been taken, which will be garbage soon. Does nothing in a program that has not asked for it. */
export function shortLivedMemory(bytes: number): void {
  if (collect === undefined) return;
  taken += bytes;
  if (taken >= SHORT_LIVED_LIMIT) collectYoungObjects();
}

/** A look at the young objects now, while nobody waits, is one less when somebody does. Nor does this do anything unless asked for. */
export function collectYoungObjects(): void {
  taken = 0;
  collect?.({ type: 'minor', execution: 'sync' });
}

/**
 * Small pieces lie side by side: a memory for each costs more than what is read into it. A piece that is kept keeps its neighbours'
 * memory too, no more than a large one would.
 */
const SMALL = 16 << 10;
const SHARED = 64 << 10;

let shared: Uint8Array = Buffer.allocUnsafeSlow(SHARED);
let sharedUsed = 0;
const sharedMemories = new WeakSet<ArrayBufferLike>([shared.buffer]);

/** Memory for what is read from a file and sent once, with anything in it. */
export function shortLivedBuffer(length: number): Uint8Array {
  if (length > SMALL) return ofItsOwn(length);
  if (sharedUsed + length > SHARED) {
    shared = ofItsOwn(SHARED);
    sharedMemories.add(shared.buffer);
    sharedUsed = 0;
  }
  sharedUsed += length;
  return partOf(shared, sharedUsed - length, sharedUsed);
}

/** Whether these bytes share their memory with others, so that whoever keeps them for long should keep a copy. */
export function isShared(bytes: Uint8Array): boolean {
  return sharedMemories.has(bytes.buffer);
}

function ofItsOwn(bytes: number): Buffer {
  shortLivedMemory(bytes);
  return Buffer.allocUnsafeSlow(bytes);
}
