import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DiskPace, QUICK_OPERATION, SLOW_TIME } from '../../src/os/disk-pace.ts';
import { MANY_WRITES, TimedFile, TimedFiles } from '../../src/os/timed-files.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { SimulatedFileTime } from '../support/simulated-file-time.ts';
import { SimulatedTimeGiver } from '../support/simulated-time-giver.ts';

function made() {
  const clock = new SimulatedClock();
  const time = new SimulatedFileTime();
  const giver = new SimulatedTimeGiver();
  const pace = new DiskPace(clock, { areFew: () => true });
  return { clock, time, giver, pace, files: new TimedFiles(time, giver, pace) };
}

/** Whether the last of many writes finds that the file has its time. */
function written(files: TimedFiles, file: TimedFile): boolean {
  for (let write = 1; write < MANY_WRITES; write++) files.hasTime(file);
  return files.hasTime(file);
}

const file = (descriptor: number): TimedFile => new TimedFile(descriptor);

test('a file is given the time once in a tick, at the eighth write', () => {
  const { giver, files } = made();
  const one = file(1);
  for (let write = 1; write < MANY_WRITES; write++) assert(!files.hasTime(one));
  assert.deepEqual(giver.calls, []);
  assert(files.hasTime(one));
  assert(files.hasTime(one));
  assert.deepEqual(giver.calls, [[1]]);
});

test('a file that had many writes in the tick before is given it at the first one', () => {
  const { time, giver, files } = made();
  const one = file(1);
  assert(written(files, one));
  time.now = 1;
  assert(files.hasTime(one));
  assert.deepEqual(giver.calls, [[1], [1]]);
  time.now = 2;
  assert(!files.hasTime(one), 'there was one write in the tick before');
});

test('files with many writes in the tick before are given it together', () => {
  const { time, giver, files } = made();
  const [one, two, three] = [file(1), file(2), file(3)] as const;
  for (const each of [one, two, three]) assert(written(files, each));
  time.now = 1;
  assert(written(files, two));
  assert(written(files, one));
  files.hasTime(three);
  time.now = 2;
  assert(files.hasTime(one));
  assert(files.hasTime(two));
  assert(!files.hasTime(three));
  assert.deepEqual(giver.calls, [[1], [2], [3], [2, 1, 3], [1, 2]]);
});

test('nothing is given when the tick may be over, and nothing counts that was given in another tick', () => {
  const { time, giver, files } = made();
  time.now = undefined;
  assert(!files.hasTime(file(1)));
  assert.deepEqual(giver.calls, []);
  time.now = 1;
  giver.give = (given) => {
    giver.calls.push(given);
    time.now = 2;
    return true;
  };
  const late = file(2);
  assert(!written(files, late));
  assert.equal(late.timedIn, undefined);
});

test('a file with many writes waits for the next tick when this one may be over', () => {
  const { time, giver, files } = made();
  const one = file(1);
  assert(written(files, one));
  time.now = undefined;
  time.next = 1;
  assert(files.hasTime(one));
  assert.deepEqual(giver.calls, [[1], [1]]);
  time.now = undefined;
  time.next = undefined;
  assert(!files.hasTime(one), 'it did not come in time');
});

test('while a file waits for its time nobody is given any, its disk is slow, and it cannot be closed', async () => {
  const { clock, giver, pace, files } = made();
  const [one, two] = [file(1), file(2)] as const;
  giver.isQuick = false;
  assert(!written(files, one));
  assert(!written(files, two));
  assert.deepEqual(giver.calls, [[1]]);
  assert.equal(files.leave(two), undefined);
  const left = files.leave(one);
  assert(left instanceof Promise);
  clock.advance(QUICK_OPERATION);
  assert(!pace.isQuick);
  giver.goOn();
  await left;
  assert(!pace.isQuick, 'it was slow just now');
  clock.advance(SLOW_TIME);
  assert(pace.isQuick);
  assert(files.hasTime(one));
});

test('a file that was left is not given the time of later ticks', () => {
  const { time, giver, files } = made();
  const [one, two] = [file(1), file(2)] as const;
  assert(written(files, one));
  assert(written(files, two));
  assert.equal(files.leave(one), undefined);
  time.now = 1;
  assert(files.hasTime(two));
  assert.deepEqual(giver.calls.at(-1), [2]);
});
