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

  clockTime(clock: number, timespec: Int32Array): number {
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

test('a tick has one number until a tenth of a millisecond before its end', () => {
  const kernel = new SimulatedKernel();
  const time = new KernelFileTime(kernel);
  const first = time.tick();
  assert.notEqual(first, undefined);
  kernel.real = [1000, 3_899_999];
  assert.equal(time.tick(), first);
  kernel.real = [1000, 3_900_000];
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
  kernel.real = [1001, 1_900_000];
  assert.equal(time.tick(), undefined);
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
