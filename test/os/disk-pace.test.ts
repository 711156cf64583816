import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DiskPace, PROOF_TIME, QUICK_OPERATION, SLOW_TIME } from '../../src/os/disk-pace.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';

/** A disk that a quick write has just vouched for. */
function made(): { clock: SimulatedClock; pace: DiskPace } {
  const clock = new SimulatedClock();
  const pace = new DiskPace(clock);
  writeQuickly(pace);
  return { clock, pace };
}

function writeQuickly(pace: DiskPace): void {
  pace.leavePool(pace.enterPool(true));
}

test('a disk is not taken for quick before a write has shown it, nor when none has just shown it', () => {
  const clock = new SimulatedClock();
  const pace = new DiskPace(clock);
  assert(!pace.isQuick);
  const first = pace.enterPool(true);
  assert(!pace.isQuick, 'the first one is not back');
  pace.leavePool(first);
  assert(pace.isQuick);
  clock.advance(PROOF_TIME - 1);
  assert(pace.isQuick);
  pace.wrote(pace.now());
  clock.advance(PROOF_TIME - 1);
  assert(pace.isQuick, 'a write in the loop vouches as well');
  clock.advance(1);
  assert(!pace.isQuick);
  pace.leavePool(pace.enterPool(false));
  assert(!pace.isQuick, 'a read or flush says nothing about writes');
});

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
