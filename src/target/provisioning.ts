/** Whether the blocks of a unit have storage of their own, and can give it back (SBC-3, logical block provisioning). */

import type { Capabilities } from '../block/device.ts';
import { ProvisioningType } from '../scsi/index.ts';

/**
 * - full: every block has storage, for good
 * - resource: every block has storage; one that is unmapped reads as zeros, and keeps it
 * - thin: blocks get storage when they are written, and give it back when they are unmapped
 */
export type Provisioning = 'full' | 'resource' | 'thin';

/** `mayUnmap`: whoever serves the unit lets initiators give blocks back. */
export function provisioningOf({ unmap }: Capabilities, mayUnmap: boolean): Provisioning {
  if (!mayUnmap || unmap === 'none') return 'full';
  // A device that only makes zeros of what is unmapped gains no room by it.
  return unmap === 'native' ? 'thin' : 'resource';
}

export const provisioningTypes: Readonly<Record<Provisioning, number>> = {
  full: ProvisioningType.notReported,
  resource: ProvisioningType.resource,
  thin: ProvisioningType.thin,
};
