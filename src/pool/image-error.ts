/** The ways in which a file is no image to boot from, each with what to do about it. */

import { DisklessError } from '../bytes/index.ts';
import type { FileStatus } from '../os/file.ts';
import type { Content } from './image-content.ts';

export function checkStatus(status: FileStatus | undefined, path: string): asserts status is FileStatus {
  if (status === undefined) {
    throw new DisklessError('IMAGE_NOT_FOUND', `there is no image ${path}`, { hint: 'Check the path.' });
  }
  if (status.kind === 'directory') {
    throw new DisklessError('IMAGE_IS_DIRECTORY', `${path} is a directory, not an image`, {
      hint: 'Name the image file inside of it.',
    });
  }
  if (status.kind === 'other') {
    throw new DisklessError('IMAGE_NOT_A_DISK', `${path} is neither a file nor a block device`, {
      hint: 'Name a disk image.',
    });
  }
  if (status.size === 0) {
    throw new DisklessError('IMAGE_EMPTY', `${path} is empty`, {
      hint: 'Was it copied to the end? An image holds a whole disk.',
    });
  }
}

export function checkWholeBlocks(path: string, size: number): void {
  if (size % 512 === 0) return;
  throw new DisklessError(
    'IMAGE_NOT_A_DISK',
    `${path} has ${size} bytes, which is no whole number of 512-byte blocks`,
    {
      hint: 'Was it copied to the end? "truncate -s %512" rounds its size up.',
    },
  );
}

export function notADisk(path: string, content: Content): DisklessError {
  if (content.kind === 'packed') {
    return new DisklessError('IMAGE_COMPRESSED', `${path} is packed by ${content.what}`, {
      hint: `Unpack it first: ${content.unpack} ${path}`,
    });
  }
  return new DisklessError(
    'IMAGE_NOT_A_DISK',
    `${path} has no boot sector, partition table or file system that is known here`,
    {
      hint: 'Give a disk image: raw, qcow2, vmdk, vhdx, vdi or vhd.',
    },
  );
}

export function changed(path: string): DisklessError {
  return new DisklessError('IMAGE_CHANGED', `${path} was changed while it was read`, {
    hint: 'Is a virtual machine using it, or a copy still running? Try again when it is at rest.',
  });
}

const fileCodes: Record<string, string> = {
  FILE_NOT_FOUND: 'IMAGE_NOT_FOUND',
  FILE_FORBIDDEN: 'IMAGE_FORBIDDEN',
  FILE_IS_DIRECTORY: 'IMAGE_IS_DIRECTORY',
  PROCESS_FAILED: 'IMAGE_CONVERSION_FAILED',
  PROCESS_STUCK: 'IMAGE_CONVERSION_FAILED',
  PROCESS_ABORTED: 'IMAGE_ABORTED',
};

/**
 * What the layers below raised, said about the image at `path`. Trouble with the pool's own directory keeps
 * its name: it is not the image's fault.
 */
export function imageError(error: unknown, path: string, ownDirectory: string): unknown {
  if (!(error instanceof DisklessError)) return error;
  if (error.code === 'PROCESS_NOT_FOUND') {
    return new DisklessError(
      'IMAGE_CONVERTER_MISSING',
      `${path} is not raw, and qemu-img, which converts it, is not installed`,
      {
        cause: error,
        hint: 'Install it (Debian: apt install qemu-utils), or give a raw image.',
      },
    );
  }
  const code = fileCodes[error.code];
  const ownTrouble = error.code.startsWith('FILE_') && error.message.includes(ownDirectory);
  if (code === undefined || ownTrouble) return error;
  return new DisklessError(code, `cannot use image ${path}: ${error.message}`, {
    cause: error,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}
