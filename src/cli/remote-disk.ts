/** A disk of another machine, for as long as a command uses it. */

import { identifyDisk } from '../boot/disk-identity.ts';
import { DisklessError } from '../bytes/index.ts';
import type { Initiator } from '../initiator/initiator.ts';
import { openRemoteDevice, type RemoteDevice } from '../initiator/remote-device.ts';
import type { Session } from '../initiator/session.ts';
import { systemClock } from '../os/clock.ts';
import type { DiskAddress } from './disk-address.ts';

/** Logs in, and out again after `use`. `signal` ends what is under way. Raises what the login raises. */
export async function withSession<T>(
  initiator: Initiator,
  { portal, targetName }: DiskAddress,
  signal: AbortSignal,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const session = await initiator.login(portal, targetName, { signal });
  const abort = () => session.destroy(new DisklessError('ABORTED', `the session with ${targetName} was given up`));
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await use(session);
  } finally {
    signal.removeEventListener('abort', abort);
    await session.close();
  }
}

/** The same, with the disk. Raises BOOT_LUN_NOT_FOUND, BOOT_NOT_A_DISK, ScsiError and SCSI_CAPACITY as well. */
export function withRemoteDisk<T>(
  initiator: Initiator,
  address: DiskAddress,
  signal: AbortSignal,
  use: (device: RemoteDevice) => Promise<T>,
): Promise<T> {
  return withSession(initiator, address, signal, async (session) => {
    await identifyDisk(session, address.lun, systemClock, address.targetName);
    return use(await openRemoteDevice(session, address.lun, systemClock));
  });
}
