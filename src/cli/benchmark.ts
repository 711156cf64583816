/** A load on a disk: so many requests of one size under way at a time, for so long; and how fast they were. */

import { createHistogram } from 'node:perf_hooks';
import type { Device } from '../block/device.ts';
import type { Clock } from '../os/clock.ts';

export interface Load {
  readonly operation: 'read' | 'write';
  /** Bytes of a request: a multiple of the disk's blocks. */
  readonly size: number;
  readonly pattern: 'random' | 'sequential';
  /** Requests under way at a time, in each session. */
  readonly depth: number;
  /** Milliseconds. */
  readonly duration: number;
}

/** Latencies are in microseconds. */
export interface Measurement {
  readonly requests: number;
  readonly seconds: number;
  readonly requestsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly latency: {
    readonly mean: number;
    readonly p50: number;
    readonly p90: number;
    readonly p99: number;
    readonly p999: number;
    readonly max: number;
  };
}

export interface BenchmarkOptions {
  readonly clock: Clock;
  /** Gives [0, 1). */
  readonly random: () => number;
  /** Ends it early; what was measured so far counts. */
  readonly signal: AbortSignal;
}

/**
 * Runs a load over the same disk by each of `devices`, which are one session each. Rejects with the first error of a device, once
 * nothing of the load is under way any more.
 */
export async function measure(devices: readonly Device[], load: Load, options: BenchmarkOptions): Promise<Measurement> {
  const { clock, signal } = options;
  const latencies = createHistogram({ lowest: 1, highest: 60_000_000, figures: 3 });
  const started = clock.monotonic();
  const end = started + load.duration;
  let failed = false;
  const worker = async (device: Device, next: () => number, data: readonly Uint8Array[]): Promise<void> => {
    while (!failed && !signal.aborted) {
      const began = clock.monotonic();
      if (began >= end) return;
      try {
        if (load.operation === 'read') await device.read(next(), load.size);
        else await device.write(next(), data);
      } catch (error) {
        failed = true;
        throw error;
      }
      latencies.record(Math.max(1, Math.round((clock.monotonic() - began) * 1000)));
    }
  };
  const workers = devices.flatMap((device, index) => {
    const next = offsets(device.size, load, index / devices.length, options.random);
    const data = [pattern(load.size)];
    return Array.from({ length: load.depth }, () => worker(device, next, data));
  });
  const ended = await Promise.allSettled(workers);
  const failure = ended.find((result) => result.status === 'rejected');
  if (failure !== undefined && !signal.aborted) throw failure.reason;
  return summarize(latencies, (clock.monotonic() - started) / 1000, load.size);
}

/** Where the next request goes; `share` is where on the disk a sequential one begins, so that sessions do not follow each other. */
function offsets(size: number, load: Load, share: number, random: () => number): () => number {
  const places = Math.floor(size / load.size);
  if (load.pattern === 'random') return () => Math.floor(random() * places) * load.size;
  let place = Math.floor(places * share);
  return () => {
    const offset = place * load.size;
    place = (place + 1) % places;
    return offset;
  };
}

/** Bytes that no layer takes for zeros. */
function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index % 251) + 1);
}

function summarize(latencies: ReturnType<typeof createHistogram>, seconds: number, size: number): Measurement {
  const requests = latencies.count;
  const isEmpty = requests === 0;
  return {
    requests,
    seconds,
    requestsPerSecond: requests / seconds,
    bytesPerSecond: (requests * size) / seconds,
    latency: {
      mean: isEmpty ? 0 : latencies.mean,
      p50: isEmpty ? 0 : latencies.percentile(50),
      p90: isEmpty ? 0 : latencies.percentile(90),
      p99: isEmpty ? 0 : latencies.percentile(99),
      p999: isEmpty ? 0 : latencies.percentile(99.9),
      max: isEmpty ? 0 : latencies.max,
    },
  };
}
