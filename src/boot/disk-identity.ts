/** Whether there is a disk at a LUN, which, and whether it is still that one in a later session. */

import { DisklessError } from '../bytes/index.ts';
import type { LastingSession } from '../initiator/lasting-session.ts';
import { LogicalUnit, reportLuns } from '../initiator/logical-unit.ts';
import type { RemoteDevice } from '../initiator/remote-device.ts';
import type { CommandExecutor } from '../initiator/scsi-request.ts';
import { differenceOf, identityOf, namesOf } from '../initiator/unit-identity.ts';
import { formatLun } from '../iscsi/root-path-lun.ts';
import type { Clock } from '../os/clock.ts';
import { type Inquiry, PeripheralDeviceType, PeripheralQualifier } from '../scsi/inquiry.ts';
import { encodeLun } from '../scsi/lun.ts';

/** The unit has to be there, and to be a disk: some targets keep LUN 0 for a controller. Raises BOOT_LUN_NOT_FOUND, BOOT_NOT_A_DISK. */
export async function identifyDisk(
  session: CommandExecutor,
  lun: Uint8Array,
  clock: Clock,
  targetName: string,
): Promise<Inquiry> {
  const inquiry = await new LogicalUnit(session, lun, clock).inquiry();
  const where = `LUN ${formatLun(lun)} of ${targetName}`;
  if (inquiry.peripheralQualifier !== PeripheralQualifier.connected) {
    throw new DisklessError('BOOT_LUN_NOT_FOUND', `there is no unit at ${where}`, {
      hint: await lunHint(session, clock),
    });
  }
  if (inquiry.peripheralDeviceType !== PeripheralDeviceType.directAccessBlockDevice) {
    const type = inquiry.peripheralDeviceType.toString(16).padStart(2, '0');
    throw new DisklessError('BOOT_NOT_A_DISK', `${where} is no disk (SCSI device type ${type}h)`, {
      hint: await lunHint(session, clock),
    });
  }
  return inquiry;
}

/** Raises as `namesOf` does. BOOT_DISK_CHANGED: what a client writes next is meant for another disk. */
export async function recognizeDisk(
  { unit, supportedPages, size, blockSize }: RemoteDevice,
  session: LastingSession,
  clock: Clock,
  targetName: string,
): Promise<void> {
  const { lun } = unit;
  const before = { names: await namesOf(unit, supportedPages), blocks: size / blockSize, blockSize };
  session.recognizeBy(async (next) => {
    const difference = differenceOf(before, await identityOf(new LogicalUnit(next, lun, clock)));
    if (difference === undefined) return undefined;
    const what = `LUN ${formatLun(lun)} of ${targetName} is another disk since the target is back: ${difference}`;
    return new DisklessError('BOOT_DISK_CHANGED', what, {
      hint: 'Nothing was written to it. Give the target its disk back, and boot again.',
    });
  });
}

async function lunHint(session: CommandExecutor, clock: Clock): Promise<string> {
  const luns = (await reportLuns(session, clock)).map((number) => formatLun(encodeLun(number)));
  return luns.length === 0
    ? 'The target has no units at all.'
    : `The target has LUN ${luns.join(', ')}: name one of them.`;
}
