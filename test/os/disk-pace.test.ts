import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DiskPace, MUCH_TO_DO, QUICK_OPERATION, SLOW_TIME } from '../../src/os/disk-pace.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';

function made(): { clock: SimulatedClock; pace: DiskPace } {
  const clock = new SimulatedClock();
  return { clock, pace: new DiskPace(clock, { areFew: () => true }) };
}

function writeQuickly(pace: DiskPace): void {
  pace.leavePool(pace.enterPool(true));
}

test('a disk is quick until a write takes long, and again after a while without', () => {
  const { clock, pace } = made();
  assert(pace.isQuick);
  const short = pace.now();
  clock.advance(QUICK_OPERATION - 1);
  pace.wrote(short);
  assert(pace.isQuick);
  const long = pace.now();
  clock.advance(QUICK_OPERATION);
  pace.wrote(long);
  assert(!pace.isQuick);
  clock.advance(SLOW_TIME - 1);
  writeQuickly(pace);
  assert(!pace.isQuick);
  clock.advance(1);
  assert(pace.isQuick);
});

test('a slow write in the pool begins the while anew', () => {
  const { clock, pace } = made();
  for (let round = 0; round < 3; round++) {
    const operation = pace.enterPool(true);
    clock.advance(QUICK_OPERATION);
    pace.leavePool(operation);
    clock.advance(SLOW_TIME - 1);
    assert(!pace.isQuick);
  }
  writeQuickly(pace);
  clock.advance(1);
  assert(pace.isQuick, 'a quick one does not');
});

test('a disk is not quick while any operation is out for long, a read or flush too, whatever others do meanwhile', () => {
  const { clock, pace } = made();
  const flush = pace.enterPool(false);
  clock.advance(QUICK_OPERATION - 1);
  assert(pace.isQuick);
  pace.leavePool(pace.enterPool(false));
  clock.advance(1);
  assert(!pace.isQuick);
  pace.leavePool(pace.enterPool(false));
  assert(!pace.isQuick);
  clock.advance(60_000);
  assert(!pace.isQuick);
  writeQuickly(pace);
  pace.leavePool(flush);
  assert(pace.isQuick, 'that reads and flushes take their time is no sign of a slow page cache');
});

test('a disk has much to do from the 24th operation that is out', () => {
  const { pace } = made();
  const operations = Array.from({ length: MUCH_TO_DO - 1 }, () => pace.enterPool(false));
  assert(!pace.hasMuchToDo);
  operations.push(pace.enterPool(true));
  assert(pace.hasMuchToDo);
  for (const operation of operations) pace.leavePool(operation);
  assert(!pace.hasMuchToDo);
});

test('a disk is not quick while the kernel may let writers sleep', () => {
  let areFew = true;
  const pace = new DiskPace(new SimulatedClock(), { areFew: () => areFew });
  assert(pace.isQuick);
  areFew = false;
  assert(!pace.isQuick);
});
