/** Whether the kernel's own initiator may be sent to a boot's disk. */

import type { ChapCredentials } from '../iscsi/chap.ts';
import { formatLun } from '../iscsi/root-path-lun.ts';
import { decodeLun } from '../scsi/lun.ts';
import type { KernelDisk } from './attach-by-iscsi.ts';

/** How the kernel would reach the disk by itself, or a clause on why it is not let do so. */
export type KernelWay =
  | { readonly kind: 'open'; readonly disk: KernelDisk }
  | { readonly kind: 'closed'; readonly reason: string };

export interface ReachedDisk extends Omit<KernelDisk, 'lun'> {
  /** Eight bytes. */
  readonly lun: Uint8Array;
  readonly chap: ChapCredentials | undefined;
  /** Whether only some servers are authorised (RFC 4173 §8). */
  readonly confined: boolean;
}

export function kernelWay({ lun, chap, confined, ...disk }: ReachedDisk): KernelWay {
  const number = decodeLun(lun);
  if (number === undefined) return closed(`the kernel's initiator has no number for LUN ${formatLun(lun)}`);
  // It would be seen among the arguments of iscsiadm.
  if (chap !== undefined) return closed("the kernel's initiator would need the CHAP secret");
  // It logs in anew, at any time, and follows whoever answers.
  if (confined) return closed("the kernel's initiator follows redirections to servers that are not authorised");
  return { kind: 'open', disk: { ...disk, lun: number } };
}

function closed(reason: string): KernelWay {
  return { kind: 'closed', reason };
}
