import assert from 'node:assert/strict';
import { endianness } from 'node:os';
import { test } from 'node:test';
import { KernelFileTime, kernelFileTime } from '../../src/os/file-time.ts';

const CLOCK_REALTIME = 0;
const CLOCK_REALTIME_COARSE = 5;
const [SECONDS, NANOSECONDS] = endianness() === 'LE' ? [0, 2] : [1, 3];

/** A kernel with ticks of 4 ms. Times are seconds and nanoseconds. */
class SimulatedKernel {
  coarse: readonly [number, number] = [1000, 0];
  real: readonly [number, number] = [1000, 0];
  looked: () => void = () => {};

  clockTime(clock: number, timespec: Int32Array): number {
    this.looked();
    assert(clock === CLOCK_REALTIME || clock === CLOCK_REALTIME_COARSE);
    const [seconds, nanoseconds] = clock === CLOCK_REALTIME ? this.real : this.coarse;
    timespec[SECONDS as number] = seconds;
    timespec[NANOSECONDS as number] = nanoseconds;
    return 0;
  }

  clockResolution(clock: number, timespec: Int32Array): number {
    assert.equal(clock, CLOCK_REALTIME_COARSE);
    timespec.fill(0);
    timespec[NANOSECONDS as number] = 4_000_000;
    return 0;
  }
}

test('a tick has one number until 30 microseconds before its end', () => {
  const kernel = new SimulatedKernel();
  const time = new KernelFileTime(kernel);
  const first = time.tick();
  assert.notEqual(first, undefined);
  kernel.real = [1000, 3_969_999];
  assert.equal(time.tick(), first);
  kernel.real = [1000, 3_970_000];
  assert.equal(time.tick(), undefined);
  kernel.coarse = [1000, 4_000_000];
  kernel.real = [1000, 4_000_100];
  const second = time.tick();
  assert.notEqual(second, undefined);
  assert.notEqual(second, first);
});

test('a tick goes on from one second into the next', () => {
  const kernel = new SimulatedKernel();
  const time = new KernelFileTime(kernel);
  kernel.coarse = [1000, 998_000_000];
  kernel.real = [1000, 999_000_000];
  const tick = time.tick();
  kernel.real = [1001, 1_000_000];
  assert.equal(time.tick(), tick);
  kernel.real = [1001, 1_970_000];
  assert.equal(time.tick(), undefined);
});

test('where ticks begin later than the time that they have, they end later', () => {
  const kernel = new SimulatedKernel();
  const time = new KernelFileTime(kernel);
  const at = (milliseconds: number): readonly [number, number] => [1000, milliseconds * 1_000_000];
  const look = (coarse: number, real: number): number | undefined => {
    kernel.coarse = at(coarse);
    kernel.real = at(real);
    return time.tick();
  };
  // Each tick begins 0.25 ms late, and is looked at just before and just after that.
  for (let tick = 0; tick < 50; tick++) {
    look(tick * 4, tick * 4 + 0.26);
    look(tick * 4, tick * 4 + 4.24);
  }
  const last = look(200, 200.26);
  assert.equal(look(200, 204.2), last);
  assert.equal(look(200, 204.21), undefined);
  // One that begins much later says little of the next one, and one that begins earlier all.
  look(200, 204.99);
  look(204, 205.01);
  assert.notEqual(look(204, 208.22), undefined);
  assert.equal(look(204, 208.24), undefined);
  look(204, 208.09);
  look(208, 208.11);
  assert.notEqual(look(208, 212.05), undefined);
  assert.equal(look(208, 212.07), undefined);
});

test('the next tick is waited for, and no longer than it can take', () => {
  const kernel = new SimulatedKernel();
  const time = new KernelFileTime(kernel);
  const first = time.tick();
  kernel.real = [1000, 3_990_000];
  let looks = 0;
  kernel.looked = () => {
    looks++;
    if (looks === 20) kernel.coarse = [1000, 4_000_000];
    if (looks === 20) kernel.real = [1000, 4_000_000];
  };
  const second = time.nextTick();
  assert.notEqual(second, undefined);
  assert.notEqual(second, first);
  kernel.real = [1000, 7_990_000];
  looks = 100;
  assert.equal(time.nextTick(), undefined);
  assert(looks > 100 && looks < 10_000);
});

test('ticks of the same nanosecond in different seconds differ', () => {
  const kernel = new SimulatedKernel();
  const time = new KernelFileTime(kernel);
  const tick = time.tick();
  kernel.coarse = [1001, 0];
  kernel.real = [1001, 0];
  assert.notEqual(time.tick(), tick);
});

test('the kernel of this machine has ticks', { skip: process.platform !== 'linux' }, () => {
  const seen = new Set<number | undefined>();
  const deadline = performance.now() + 10_000;
  while (seen.size < 4 && performance.now() < deadline) seen.add(kernelFileTime.tick());
  assert.equal(seen.size, 4);
});
