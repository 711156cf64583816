/** Sessions for the benchmark's own clients, by this project's initiator. */

import { Initiator } from '../../src/initiator/initiator.ts';
import { openRemoteDevice, type RemoteDevice } from '../../src/initiator/remote-device.ts';
import type { Session } from '../../src/initiator/session.ts';
import type { Wishes } from '../../src/iscsi/parameters.ts';
import { systemClock } from '../../src/os/clock.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';
import { encodeLun } from '../../src/scsi/lun.ts';

/** What the programs get as their first arguments. */
export interface Where {
  readonly host: string;
  readonly port: number;
  readonly targetName: string;
  readonly lun: number;
  /** The other arguments. */
  readonly rest: readonly string[];
}

export function whereFromArguments(): Where {
  const [host = '', port = '', targetName = '', lun = '', ...rest] = process.argv.slice(2);
  return { host, port: Number(port), targetName, lun: Number(lun), rest };
}

export function logIn(where: Where, wishes: Partial<Wishes> = {}): Promise<Session> {
  const initiatorName = 'iqn.2026-11.internal.diskless.bench:client';
  const initiator = new Initiator({ network: nodeNetwork, clock: systemClock, initiatorName, wishes });
  return initiator.login({ host: where.host, port: where.port }, where.targetName);
}

export function openDevice(session: Session, where: Where): Promise<RemoteDevice> {
  return openRemoteDevice(session, encodeLun(where.lun), systemClock);
}
