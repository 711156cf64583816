import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FaultDevice } from '../../src/block/fault-device.ts';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { type Load, measure } from '../../src/cli/benchmark.ts';
import { seededRandom } from '../support/random.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';

const SIZE = 1 << 20;
const load: Load = { operation: 'read', size: 4096, pattern: 'random', depth: 4, duration: 1000 };

interface Request {
  readonly operation: string;
  readonly offset: number;
  readonly length: number;
}

/** A disk that takes ten milliseconds for everything, and remembers what it was asked. */
class SlowDisk extends FaultDevice {
  readonly requests: Request[] = [];
  mostUnderWay = 0;
  done = 0;
  #underWay = 0;

  constructor(clock: SimulatedClock) {
    super(new MemoryDevice(SIZE), clock);
    this.inject({ delay: 10 });
  }

  override async read(offset: number, length: number): Promise<readonly Uint8Array[]> {
    return this.#note('read', offset, length, async () => super.read(offset, length));
  }

  override async write(offset: number, data: readonly Uint8Array[]): Promise<void> {
    const length = data.reduce((sum, part) => sum + part.length, 0);
    return this.#note('write', offset, length, async () => super.write(offset, data));
  }

  async #note<T>(operation: string, offset: number, length: number, work: () => Promise<T>): Promise<T> {
    this.requests.push({ operation, offset, length });
    this.#underWay += 1;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.#underWay);
    try {
      return await work();
    } finally {
      this.#underWay -= 1;
      this.done += 1;
    }
  }
}

async function run(devices: (clock: SimulatedClock) => SlowDisk[], given: Load, abortAfter?: number) {
  const clock = new SimulatedClock();
  const disks = devices(clock);
  const stop = new AbortController();
  const random = seededRandom(1);
  const options = { clock, random: () => random.below(1 << 20) / (1 << 20), signal: stop.signal };
  const measuring = measure(disks, given, options);
  measuring.catch(() => {});
  if (abortAfter !== undefined) clock.after(abortAfter, () => stop.abort());
  await clock.pass(given.duration + 100);
  return { disks, measurement: await measuring };
}

test('so many requests are under way at a time, in each session, until the time is over', async () => {
  const { disks, measurement } = await run((clock) => [new SlowDisk(clock), new SlowDisk(clock)], load);
  assert.deepEqual(
    disks.map(({ mostUnderWay }) => mostUnderWay),
    [4, 4],
  );
  assert.equal(measurement.requests, 2 * 4 * 100);
  assert.equal(measurement.seconds, 1);
  assert.equal(measurement.requestsPerSecond, 800);
  assert.equal(measurement.bytesPerSecond, 800 * 4096);
  const { p50, p999, max } = measurement.latency;
  // The histogram keeps three figures.
  for (const latency of [p50, p999, max]) assert.ok(Math.abs(latency - 10_000) < 20, `${latency} µs`);
  const offsets = new Set(disks.flatMap(({ requests }) => requests.map(({ offset }) => offset)));
  assert.ok(offsets.size > 200, 'all over the disk');
  assert.ok([...offsets].every((offset) => offset % 4096 === 0 && offset + 4096 <= SIZE));
});

test('sequential requests follow each other to the end and begin anew, each session in a part of its own', async () => {
  const sequential = { ...load, pattern: 'sequential', depth: 1, size: SIZE / 4 } as const;
  const { disks } = await run((clock) => [new SlowDisk(clock), new SlowDisk(clock)], { ...sequential, duration: 50 });
  assert.deepEqual(
    disks.map(({ requests }) => requests.map(({ offset }) => offset / sequential.size)),
    [
      [0, 1, 2, 3, 0],
      [2, 3, 0, 1, 2],
    ],
  );
});

test('writes write, and reads never do', async () => {
  for (const operation of ['read', 'write'] as const) {
    const { disks } = await run((clock) => [new SlowDisk(clock)], { ...load, operation });
    assert.ok(disks[0]?.requests.every((request) => request.operation === operation && request.length === 4096));
  }
});

test('what was measured until an interruption counts', async () => {
  const { measurement } = await run((clock) => [new SlowDisk(clock)], load, 505);
  assert.equal(measurement.requests, 4 * 51);
});

test('the error of a disk ends the load, once nothing is under way', async () => {
  const clock = new SimulatedClock();
  const disk = new SlowDisk(clock);
  const broken = new FaultDevice(disk, clock);
  broken.inject({ skip: 10, times: 1, error: 'DEVICE_IO' });
  const options = { clock, random: Math.random, signal: new AbortController().signal };
  let underWay: number | undefined;
  const failed = assert.rejects(
    measure([broken], load, options).finally(() => {
      underWay = disk.requests.length - disk.done;
    }),
    { code: 'DEVICE_IO' },
  );
  await clock.pass(100);
  await failed;
  assert.equal(underWay, 0);
});
