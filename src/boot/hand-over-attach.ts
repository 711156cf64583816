/**
 * Hands the disk of a boot over to the kernel of this machine, as a block device: over our own session where the kernel is an NBD
 * client, else by the kernel's own initiator where it has one.
 */

import { DisklessError } from '../bytes/index.ts';
import type { Clock } from '../os/clock.ts';
import { attachByIscsi } from './attach-by-iscsi.ts';
import { type Attachment, attachByNbd, type KernelTools, kernelHasNbd } from './attach-by-nbd.ts';
import type { NbdHandOver } from './hand-over-nbd.ts';
import type { KernelWay } from './kernel-way.ts';

export interface AttachOptions extends KernelTools {
  readonly clock: Clock;
  /** Bytes of a logical block. */
  readonly blockSize: number;
  /** A socket of the file system, and how the disk is served there when it is wanted. */
  readonly socket: string;
  readonly serve: (socket: string) => Promise<NbdHandOver>;
  /** A name for what open-iscsi keeps of it. */
  readonly record: string;
  readonly kernelWay: KernelWay;
}

/** Raises ATTACH_UNAVAILABLE, ATTACH_NO_DEVICE, ATTACH_LOGIN_LEFT, what the programs failed with, and the signal's reason. */
export async function handOverToKernel(options: AttachOptions): Promise<Attachment> {
  const { signal } = options;
  try {
    return await byWhateverThereIs(options);
  } catch (error) {
    const isLeft = error instanceof DisklessError && error.code === 'ATTACH_LOGIN_LEFT';
    throw signal.aborted && !isLeft ? signal.reason : error;
  }
}

async function byWhateverThereIs(options: AttachOptions): Promise<Attachment> {
  const { kernelWay } = options;
  const obstacles: string[] = [];
  if (await kernelHasNbd(options)) {
    const attachment = await unlessMissing(overOwnSession(options));
    if (attachment !== undefined) return attachment;
    obstacles.push('nbd-client is not installed');
  } else {
    obstacles.push('this kernel has no NBD client');
  }
  if (kernelWay.kind === 'closed') {
    obstacles.push(kernelWay.reason);
  } else {
    const attachment = await unlessMissing(attachByIscsi(kernelWay.disk, options.record, options));
    if (attachment !== undefined) return attachment;
    obstacles.push('iscsiadm is not installed');
  }
  throw new DisklessError('ATTACH_UNAVAILABLE', `the kernel cannot be given the disk: ${obstacles.join(', and ')}`, {
    hint: 'Install nbd-client for a kernel with the module nbd, or open-iscsi; or let programs use the disk with --nbd.',
  });
}

async function overOwnSession(options: AttachOptions): Promise<Attachment> {
  const { serve, socket, blockSize } = options;
  const served = await serve(socket);
  try {
    const { blockDevice, detach } = await attachByNbd(socket, blockSize, options);
    return {
      blockDevice,
      async detach() {
        try {
          await detach();
        } finally {
          await served.close();
        }
      },
    };
  } catch (error) {
    // Nobody has written anything that could be lost with it.
    await served.close().catch(() => {});
    throw error;
  }
}

/** Undefined when the program that it needs is not there. */
async function unlessMissing(attaching: Promise<Attachment>): Promise<Attachment | undefined> {
  try {
    return await attaching;
  } catch (error) {
    if (error instanceof DisklessError && error.code === 'PROCESS_NOT_FOUND') return undefined;
    throw error;
  }
}
