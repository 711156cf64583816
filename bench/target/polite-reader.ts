/**
 * One session that reads 4 KiB, waits a millisecond, and reads again; prints how long the reads took, in microseconds:
 *
 *     node polite-reader.ts HOST PORT TARGET LUN SECONDS
 */

import { execFileSync } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { logIn, openDevice, whereFromArguments } from './bench-session.ts';
import { percentile } from './statistics.ts';

const SIZE = 4096;
/** Reads before the first that counts: the compiler of this very process has to warm up. */
const WARM_UP = 500;

// Before all others on its processors, as on a machine of its own. The compiler's and collector's threads are not: they would be
// what it waits for.
execFileSync('chrt', ['--rr', '--pid', '1', `${process.pid}`]);
const where = whereFromArguments();
const session = await logIn(where);
const device = await openDevice(session, where);
const places = Math.floor(device.size / SIZE);
const taken: number[] = [];

async function readOnce(): Promise<number> {
  const offset = Math.floor(Math.random() * places) * SIZE;
  const started = performance.now();
  await device.read(offset, SIZE);
  return (performance.now() - started) * 1000;
}

for (let read = 0; read < WARM_UP; read++) await readOnce();
const end = performance.now() + Number(where.rest[0]) * 1000;
while (performance.now() < end) {
  taken.push(await readOnce());
  await setTimeout(1);
}
taken.sort((a, b) => a - b);
console.log(
  JSON.stringify({ median: percentile(taken, 0.5), p90: percentile(taken, 0.9), p99: percentile(taken, 0.99) }),
);
await session.close();
