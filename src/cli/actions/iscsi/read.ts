/** `diskless iscsi read`: blocks of a disk, to stdout or a file. */

import type { Device } from '../../../block/device.ts';
import { type CopyResult, copyRange } from '../../../boot/copy.ts';
import { DisklessError, sizeText } from '../../../bytes/index.ts';
import { systemClock } from '../../../os/clock.ts';
import { nodeFileSystem } from '../../../os/node-file-system.ts';
import type { ReadDiskSettings } from '../../commands/iscsi/read.ts';
import { makeInitiator } from '../../initiator.ts';
import { withRemoteDisk } from '../../remote-disk.ts';
import { untilInterrupted } from '../../until-interrupted.ts';
import { givenDisk } from './given-disk.ts';

export async function read(settings: ReadDiskSettings): Promise<void> {
  checkOutput(settings);
  await untilInterrupted((signal) => readDisk(settings, signal));
}

/** Raises USAGE_OUTPUT. */
function checkOutput({ out, json }: ReadDiskSettings): void {
  if (out !== undefined) return;
  if (json) {
    throw new DisklessError('USAGE_OUTPUT', 'the blocks and the JSON document cannot both go to stdout', {
      hint: 'Give the blocks a file: --out FILE.',
    });
  }
  if (process.stdout.isTTY) {
    throw new DisklessError('USAGE_OUTPUT', 'stdout is a terminal, and blocks are no text', {
      hint: 'Write --out FILE, or send stdout to a file or a program.',
    });
  }
}

async function readDisk(settings: ReadDiskSettings, signal: AbortSignal): Promise<void> {
  const address = givenDisk(settings);
  const initiator = await makeInitiator(settings);
  await withRemoteDisk(initiator, address, signal, async (device) => {
    const range = rangeOf(settings, device);
    const started = systemClock.monotonic();
    const { out } = settings;
    try {
      const result = out === undefined ? await copyToStdout(device, range) : await copyToFile(device, range, out);
      report(settings, range.offset, result, systemClock.monotonic() - started);
    } catch (error) {
      if (!isBrokenPipe(error)) throw error;
    }
  });
}

/** Raises USAGE_RANGE. */
function rangeOf({ offset, length }: ReadDiskSettings, { size }: Device): { offset: number; length: number } {
  if (offset <= size) return { offset, length: length ?? size - offset };
  throw new DisklessError('USAGE_RANGE', `the disk ends at ${size}, before the offset ${offset}`, {
    hint: 'Give an --offset within the disk.',
  });
}

async function copyToFile(
  device: Device,
  range: { offset: number; length: number },
  path: string,
): Promise<CopyResult> {
  const file = nodeFileSystem.open(path, 'create');
  try {
    const result = await copyRange(device, range, (data, done) => file.write(data, done));
    await file.sync();
    return result;
  } finally {
    await file.close();
  }
}

function copyToStdout(device: Device, range: { offset: number; length: number }): Promise<CopyResult> {
  return copyRange(device, range, (data) => {
    return new Promise((resolve, reject) => {
      process.stdout.write(data, (error) => (error ? reject(error) : resolve()));
    });
  });
}

/** The program behind the pipe has ended: it had enough. */
function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE';
}

function report({ out, json }: ReadDiskSettings, offset: number, result: CopyResult, milliseconds: number): void {
  const seconds = milliseconds / 1000;
  if (json) {
    process.stdout.write(`${JSON.stringify({ offset, ...result, file: out, seconds }, undefined, 2)}\n`);
    return;
  }
  const where = out === undefined ? '' : ` to ${out}`;
  process.stderr.write(
    `${sizeText(result.length)} copied${where} in ${seconds.toFixed(3)} s, SHA-256 ${result.sha256}\n`,
  );
}
