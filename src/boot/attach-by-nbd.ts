/** The disk as a block device of the kernel, by the kernel's own NBD client and the `nbd-client` program that sets it up. */

import { DisklessError } from '../bytes/index.ts';
import type { FileSystem } from '../os/file.ts';
import type { RunProcess } from '../os/process.ts';

/** A block device of this machine, for as long as it is wanted. */
export interface Attachment {
  /** Such as `/dev/nbd0`. */
  readonly blockDevice: string;
  /** Writes what the kernel still keeps in memory, and takes the block device away. */
  detach(): Promise<void>;
}

export interface KernelTools {
  readonly run: RunProcess;
  readonly files: FileSystem;
  /** Ends the attaching wherever it is; what was done is taken back. */
  readonly signal: AbortSignal;
}

/** Milliseconds of silence after which one of the programs counts as stuck. */
export const TOOL_SILENCE = 60_000;
/** The same where an attaching that has failed is taken back: a person waits for it. */
export const UNDO_SILENCE = 10_000;
/** `nbds_max` has no bound of its own; nobody has more. */
const MAX_DEVICES = 256;

/** Whether the kernel has an NBD client; its module is loaded when it is there. Raises the signal's reason. */
export async function kernelHasNbd({ run, files, signal }: KernelTools): Promise<boolean> {
  if (files.status('/sys/module/nbd') !== undefined) return true;
  try {
    await run('modprobe', ['nbd'], { silence: TOOL_SILENCE, signal });
    return files.status('/sys/module/nbd') !== undefined;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}

/**
 * `socket` is one that an NBD server listens at. Raises ATTACH_NO_DEVICE, PROCESS_NOT_FOUND, what `nbd-client` failed with, and the
 * signal's reason.
 */
export async function attachByNbd(socket: string, blockSize: number, tools: KernelTools): Promise<Attachment> {
  const { run, files, signal } = tools;
  let failure: unknown;
  for (const blockDevice of freeDevices(files)) {
    let client: number | undefined;
    const started = (pid: number): void => {
      client = pid;
    };
    try {
      const block = ['-block-size', String(blockSize)];
      await run('nbd-client', ['-unix', socket, blockDevice, ...block], { silence: TOOL_SILENCE, signal, started });
      return { blockDevice, detach: () => detach(blockDevice, run) };
    } catch (error) {
      if (error instanceof DisklessError && error.code === 'PROCESS_NOT_FOUND') throw error;
      // It may have been ended after it had set the device up, and that stays without it.
      if (client !== undefined && (await ownerOf(blockDevice, files)) === client) {
        await run('nbd-client', ['-d', blockDevice], { silence: UNDO_SILENCE }).catch(() => {});
      }
      signal.throwIfAborted();
      // Somebody else may have taken it a moment ago: the next one may be free.
      failure ??= error;
    }
  }
  throw failure ?? noDevice();
}

async function detach(blockDevice: string, run: RunProcess): Promise<void> {
  try {
    await run('blockdev', ['--flushbufs', blockDevice], { silence: TOOL_SILENCE });
  } finally {
    // A device that nobody serves any more would keep whoever looks at it waiting.
    await run('nbd-client', ['-d', blockDevice], { silence: TOOL_SILENCE });
  }
}

function* freeDevices(files: FileSystem): Generator<string> {
  for (let number = 0; number < MAX_DEVICES; number++) {
    if (files.status(`/sys/block/nbd${number}`) === undefined) return;
    const blockDevice = `/dev/nbd${number}`;
    if (files.status(ownerFile(blockDevice)) === undefined) yield blockDevice;
  }
}

/** The process that has set a device up, which need not be there any more; undefined when the device is free. */
async function ownerOf(blockDevice: string, files: FileSystem): Promise<number | undefined> {
  if (files.status(ownerFile(blockDevice)) === undefined) return undefined;
  const text = await files.readFile(ownerFile(blockDevice)).catch(() => new Uint8Array(0));
  return Number.parseInt(new TextDecoder().decode(text), 10);
}

/** Only of a device that is in use it is there. */
function ownerFile(blockDevice: string): string {
  return `/sys/block/${blockDevice.slice('/dev/'.length)}/pid`;
}

function noDevice(): DisklessError {
  return new DisklessError('ATTACH_NO_DEVICE', 'every NBD device of the kernel is in use', {
    hint: 'Detach one ("nbd-client -d /dev/nbd0"), or load the module with more: "modprobe nbd nbds_max=32".',
  });
}
