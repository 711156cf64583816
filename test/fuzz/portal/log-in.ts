/** Sound logins: of a new session, and of a connection that joins one or takes the place of another. */

import { LoginStatus } from '../../../src/iscsi/pdu.ts';
import type { Random } from '../../support/random.ts';
import { ObservedConnection } from '../observed/connection.ts';
import type { ObservedSession } from '../observed/session.ts';
import { type LoginSubject, randomConnectionKeys, soundLogin } from '../random/login.ts';
import { until } from '../turns.ts';
import type { WatchedPortal } from './watched-portal.ts';

export const INITIATOR = 'iqn.2026-11.internal.test:initiator';

/** Where a session is: its target and its initiator port. */
export type Place = Pick<LoginSubject, 'targetName' | 'isid'>;

/** What a login needs of its world. */
export interface Scene {
  readonly random: Random;
  readonly portal: WatchedPortal;
  /** Something does not hold. */
  readonly violation: (what: string) => void;
}

export function connect({ portal, violation }: Scene, session: ObservedSession, cid: number): ObservedConnection {
  return new ObservedConnection(session, cid, portal.network.connect(), violation);
}

/** The two requests of a login that is sound: for a session that is to be, or for one that is. */
export function loginRequests({ random }: Scene, { session, cid }: ObservedConnection, place: Place) {
  const { terms, tsih } = session;
  const cmdSN = tsih === 0 ? random.pick([1, 0, 0xffff_fff0, 0x7fff_fff0]) : session.expCmdSN;
  const keys = randomConnectionKeys(random);
  return soundLogin({ ...place, initiatorName: INITIATOR, tsih, cid, terms, keys }, cmdSN);
}

/** Sends one Login Request, and waits for what comes of it. */
export async function exchangeLogin(
  connection: ObservedConnection,
  [header, data]: readonly [Uint8Array, Uint8Array],
): Promise<void> {
  const before = connection.statSN;
  connection.send(header, data);
  await until(() => connection.statSN !== before || connection.closed);
}

const refusals: ReadonlySet<number> = new Set([LoginStatus.tooManyConnections, LoginStatus.sessionDoesNotExist]);

/** A leading login, which must succeed; or one that joins a session, which succeeds or is refused for a reason that there can be. */
export async function logIn(scene: Scene, connection: ObservedConnection, place: Place): Promise<void> {
  const { session, cid } = connection;
  const isLeading = session.tsih === 0;
  for (const other of session.connections) if (other !== connection && other.cid === cid) other.mayEnd = true;
  for (const request of loginRequests(scene, connection, place)) {
    await exchangeLogin(connection, request);
    if (connection.loginStatus !== 0) break;
  }
  const { phase, loginStatus, closed, name } = connection;
  if (phase === 'full feature' || (!isLeading && (closed || refusals.has(loginStatus)))) return;
  scene.violation(`${name} cannot log in: ${loginStatus.toString(16)}`);
}

/** One more connection, or one in the place of another. */
export async function join(
  scene: Scene,
  session: ObservedSession,
  place: Place,
  cid: number,
): Promise<ObservedConnection> {
  const connection = connect(scene, session, cid);
  await logIn(scene, connection, place);
  return connection;
}
