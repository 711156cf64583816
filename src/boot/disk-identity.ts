/** Whether there is a disk at a LUN, and which. */

import { DisklessError } from '../bytes/index.ts';
import { LogicalUnit, reportLuns } from '../initiator/logical-unit.ts';
import type { CommandExecutor } from '../initiator/scsi-request.ts';
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

async function lunHint(session: CommandExecutor, clock: Clock): Promise<string> {
  const luns = (await reportLuns(session, clock)).map((number) => formatLun(encodeLun(number)));
  return luns.length === 0
    ? 'The target has no units at all.'
    : `The target has LUN ${luns.join(', ')}: name one of them.`;
}
