import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FaultDevice } from '../../src/block/fault-device.ts';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import type { Clock } from '../../src/os/clock.ts';

/** A clock whose timers the test runs. */
function manualClock(): Clock & { readonly delays: number[]; ring(): void } {
  const timers: (() => void)[] = [];
  const delays: number[] = [];
  return {
    delays,
    now: () => 0,
    monotonic: () => 0,
    nextTurn: () => {},
    after(delay, callback) {
      delays.push(delay);
      timers.push(callback);
      return { cancel: () => undefined };
    },
    ring() {
      for (const callback of timers.splice(0)) callback();
    },
  };
}

const device = (): FaultDevice => new FaultDevice(new MemoryDevice(8192), manualClock());

test('without a fault everything goes through', () => {
  const d = device();
  d.write(512, [new Uint8Array(512).fill(5)]);
  assert.deepEqual(d.read(512, 512), [new Uint8Array(512).fill(5)]);
});

test('a fault strikes the operations, the range and the number of times that it says', () => {
  const d = device();
  d.inject({ operations: ['read'], range: { offset: 1024, length: 512 }, skip: 1, times: 2, error: 'DEVICE_IO' });
  d.read(0, 1024);
  d.read(1536, 512);
  d.write(1024, [new Uint8Array(512)]);
  d.read(1024, 512);
  assert.throws(() => d.read(1024, 512), { code: 'DEVICE_IO' });
  assert.throws(() => d.read(512, 1024), { code: 'DEVICE_IO' });
  d.read(1024, 512);
});

test('a fault can be taken away', () => {
  const d = device();
  const remove = d.inject({ error: 'DEVICE_IO' });
  assert.throws(() => d.flush(), { code: 'DEVICE_IO' });
  remove();
  d.flush();
});

test('a delay holds the operation back, and then does it or fails', async () => {
  const clock = manualClock();
  const base = new MemoryDevice(8192);
  const d = new FaultDevice(base, clock);
  const remove = d.inject({ operations: ['write'], delay: 30 });
  const writing = d.write(0, [new Uint8Array(512).fill(1)]);
  assert.deepEqual(clock.delays, [30]);
  assert.equal(base.read(0, 512)[0]?.[0], 0);
  clock.ring();
  await writing;
  assert.equal(base.read(0, 512)[0]?.[0], 1);
  remove();
  d.inject({ delay: 1, error: 'DEVICE_NO_SPACE' });
  const failing = assert.rejects(async () => d.unmap(0, 512), { code: 'DEVICE_NO_SPACE' });
  clock.ring();
  await failing;
});
