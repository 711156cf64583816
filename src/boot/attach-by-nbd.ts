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
}

/** Milliseconds of silence after which one of the programs counts as stuck. */
export const TOOL_SILENCE = 60_000;
/** `nbds_max` has no bound of its own; nobody has more. */
const MAX_DEVICES = 256;

/** Whether the kernel has an NBD client; its module is loaded when it is there. */
export async function kernelHasNbd({ run, files }: KernelTools): Promise<boolean> {
  if (files.status('/sys/module/nbd') !== undefined) return true;
  try {
    await run('modprobe', ['nbd'], { silence: TOOL_SILENCE });
    return files.status('/sys/module/nbd') !== undefined;
  } catch {
    return false;
  }
}

/** `socket` is one that an NBD server listens at. Raises ATTACH_NO_DEVICE, PROCESS_NOT_FOUND, and what `nbd-client` failed with. */
export async function attachByNbd(socket: string, blockSize: number, tools: KernelTools): Promise<Attachment> {
  const { run } = tools;
  let failure: unknown;
  for (const blockDevice of freeDevices(tools.files)) {
    try {
      const block = ['-block-size', String(blockSize)];
      await run('nbd-client', ['-unix', socket, blockDevice, ...block], { silence: TOOL_SILENCE });
      return { blockDevice, detach: () => detach(blockDevice, run) };
    } catch (error) {
      if (error instanceof DisklessError && error.code === 'PROCESS_NOT_FOUND') throw error;
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

/** A device that is in use tells the process that set it up. */
function* freeDevices(files: FileSystem): Generator<string> {
  for (let number = 0; number < MAX_DEVICES; number++) {
    if (files.status(`/sys/block/nbd${number}`) === undefined) return;
    if (files.status(`/sys/block/nbd${number}/pid`) === undefined) yield `/dev/nbd${number}`;
  }
}

function noDevice(): DisklessError {
  return new DisklessError('ATTACH_NO_DEVICE', 'every NBD device of the kernel is in use', {
    hint: 'Detach one ("nbd-client -d /dev/nbd0"), or load the module with more: "modprobe nbd nbds_max=32".',
  });
}
