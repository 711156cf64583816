/**
 * The names by which initiators recognise a logical unit (SPC-4). They follow from the target's name and the LUN alone, so
 * that a unit is the same one to firmware, loader and operating system, over every path and after every restart.
 */

import { createHash } from 'node:crypto';
import {
  Association,
  type Designator,
  naaLocallyAssigned,
  relativeTargetPort,
  scsiNameString,
  t10VendorId,
  targetPortGroup,
  type UnitIdentification,
} from '../scsi/index.ts';

export interface UnitIdentity extends UnitIdentification {
  readonly serialNumber: string;
  /** The designator of the unit by which copies name it. */
  readonly logicalUnit: Designator;
  readonly targetDevice: Designator;
  /** All of page 83h, those two among them. */
  readonly designators: readonly Designator[];
}

export const defaultIdentification: UnitIdentification = {
  vendor: 'DISKLESS',
  product: 'Virtual Disk',
  revision: '1.0',
};

/** `portalGroupTag` is the target port's; the port's name holds it as RFC 7143 §4.4.2 asks. */
export function unitIdentity(
  targetName: string,
  lun: number,
  portalGroupTag: number,
  given: Partial<UnitIdentification> = {},
): UnitIdentity {
  const identification = { ...defaultIdentification, ...given };
  const digest = createHash('sha256').update(`${targetName}\0${lun}`).digest();
  const logicalUnit = naaLocallyAssigned(digest);
  const targetDevice = scsiNameString(Association.targetDevice, targetName);
  const serialNumber = digest.subarray(0, 16).toString('hex');
  const tag = portalGroupTag.toString(16).padStart(4, '0');
  return {
    ...identification,
    serialNumber,
    logicalUnit,
    targetDevice,
    designators: [
      logicalUnit,
      t10VendorId(identification.vendor, serialNumber),
      relativeTargetPort(portalGroupTag),
      targetPortGroup(portalGroupTag),
      scsiNameString(Association.targetPort, `${targetName},t,0x${tag}`),
      targetDevice,
    ],
  };
}
