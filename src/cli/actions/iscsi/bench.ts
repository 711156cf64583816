/** How fast a disk is through this program's own initiator. */

import type { Device } from '../../../block/device.ts';
import { DisklessError } from '../../../bytes/index.ts';
import { systemClock } from '../../../os/clock.ts';
import { type Load, type Measurement, measure } from '../../benchmark.ts';
import type { BenchSettings } from '../../commands/iscsi/bench.ts';
import { makeInitiator } from '../../initiator.ts';
import { withRemoteDisk } from '../../remote-disk.ts';
import { untilInterrupted } from '../../until-interrupted.ts';
import { givenDisk } from './given-disk.ts';

/** Memory of the requests under way is theirs times the size: this keeps a slip of the finger from taking all there is. */
const MOST_BYTES_UNDER_WAY = 1 << 30;

export async function bench(settings: BenchSettings): Promise<void> {
  await untilInterrupted((signal) => measureSizes(settings, signal));
}

async function measureSizes(settings: BenchSettings, signal: AbortSignal): Promise<void> {
  await withDisks(settings, signal, async (devices) => {
    const results: Row[] = [];
    const write = (text: string) => void (settings.json || process.stdout.write(`${text}\n`));
    write(headLine);
    for (const load of loadsOf(settings, devices)) {
      if (signal.aborted) break;
      const measurement = await measure(devices, load, { clock: systemClock, random: Math.random, signal });
      const { operation, size, pattern, depth } = load;
      results.push({ operation, size, pattern, depth, sessions: devices.length, ...measurement });
      write(rowLine(load, measurement));
    }
    if (settings.json) process.stdout.write(`${JSON.stringify({ results }, undefined, 2)}\n`);
  });
}

type Row = Omit<Load, 'duration'> & { readonly sessions: number } & Measurement;

/** Opens the disk by as many sessions as are wanted, each an initiator port of its own. */
async function withDisks(
  settings: BenchSettings,
  signal: AbortSignal,
  use: (devices: readonly Device[]) => Promise<void>,
): Promise<void> {
  const address = givenDisk(settings);
  const open = async (devices: readonly Device[]): Promise<void> => {
    if (devices.length === settings.sessions) return use(devices);
    const initiator = await makeInitiator(settings);
    await withRemoteDisk(initiator, address, signal, (device) => open([...devices, device]));
  };
  await open([]);
}

/** Raises DEVICE_READ_ONLY, USAGE_REQUEST_SIZE. */
function loadsOf(settings: BenchSettings, [device]: readonly Device[]): Load[] {
  const { size: sizes, depth, sessions, pattern, seconds, write } = settings;
  if (device === undefined) return [];
  if (write && device.readOnly) {
    throw new DisklessError('DEVICE_READ_ONLY', 'the disk takes no writes', {
      hint: 'Measure reads: without --write.',
    });
  }
  for (const size of sizes) {
    if (size === 0 || size % device.blockSize !== 0 || size > device.size) {
      throw requestSize(`${size} bytes`, `Give whole blocks of ${device.blockSize} bytes, at most ${device.size}.`);
    }
    if (size * depth * sessions > MOST_BYTES_UNDER_WAY) {
      throw requestSize(
        `${depth * sessions} of ${size} bytes`,
        'Give a smaller --size, --depth or --sessions: at most 1 GiB is under way.',
      );
    }
  }
  const operation = write ? 'write' : 'read';
  return sizes.map((size) => ({ operation, size, pattern, depth, duration: seconds * 1000 }));
}

function requestSize(what: string, hint: string): DisklessError {
  return new DisklessError('USAGE_REQUEST_SIZE', `requests cannot be ${what} on this disk`, { hint });
}

const headLine = line('', 'size', 'requests/s', 'MiB/s', 'mean', 'p50', 'p90', 'p99', 'p99.9', 'max, µs');

function rowLine({ operation, size }: Load, { requestsPerSecond, bytesPerSecond, latency }: Measurement): string {
  const { mean, p50, p90, p99, p999, max } = latency;
  const times = [mean, p50, p90, p99, p999, max].map((time) => time.toFixed(0));
  return line(operation, sizeName(size), requestsPerSecond.toFixed(0), (bytesPerSecond / 2 ** 20).toFixed(1), ...times);
}

function line(first: string, ...columns: readonly string[]): string {
  return [first.padEnd(6), ...columns.map((column) => column.padStart(12))].join('').trimEnd();
}

function sizeName(bytes: number): string {
  if (bytes % 2 ** 20 === 0) return `${bytes / 2 ** 20}M`;
  return bytes % 1024 === 0 ? `${bytes / 1024}K` : String(bytes);
}
