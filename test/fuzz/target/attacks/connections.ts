/** Connections that break, that come again, and that log in to something that ends meanwhile. */

import { Opcode } from '../../../../src/iscsi/opcode.ts';
import { LogoutRequest, ScsiCommand } from '../../../../src/iscsi/pdu.ts';
import { encodeLun, WriteSame16Cdb } from '../../../../src/scsi/index.ts';
import type { ObservedConnection } from '../../observed/connection.ts';
import { ObservedSession } from '../../observed/session.ts';
import { connect, exchangeLogin, INITIATOR, join, loginRequests } from '../../portal/log-in.ts';
import { randomBytes } from '../../random/bytes.ts';
import { type LoginSubject, randomConnectionKeys, randomTerms, unsoundLogin } from '../../random/login.ts';
import { turns, until } from '../../turns.ts';
import type { Arena, Attack } from '../arena.ts';
import { ATTACKED } from '../attacked-target.ts';
import type { Attacker } from '../attacker.ts';

/** The line breaks, between two PDUs or within one. The other connections are told (RFC 7143 §7.1.4.3). */
export const cut: Attack = async (arena, { attacker, connection }) => {
  arena.note(`${connection.name}: cut`);
  const { session } = attacker;
  const { random } = arena;
  if (random.oneIn(2) && connection.missing === 0) connection.write(randomBytes(random, 1 + random.below(47)));
  await turns(random.below(4));
  connection.close();
  const others = session.open.filter((other) => other !== connection);
  if (session.mayEnd || connection.mayEnd) return undefined;
  const isTold = (other: ObservedConnection): boolean => other.closed || other.hasToldDropped(connection.cid);
  if (!(await until(() => others.every(isTold)))) {
    arena.violation(`${attacker.name}: connection ${connection.cid} was lost, and the others are not told`);
  }
  return undefined;
};

/** A connection more, or one in the place of another, while commands are under way. */
export const joinSession: Attack = async (arena, { attacker }) => {
  const cid = attacker.randomCid(arena);
  arena.note(`${attacker.name}: a login of connection ${cid}`);
  await join(arena, attacker.session, attacker.place, cid);
  return undefined;
};

/** Several logins of one initiator port at a time: for the same CID, or for sessions that each take the place of the one before. */
export const loginsAtOnce: Attack = async (arena, { attacker }) => {
  const { random } = arena;
  const isLeading = random.oneIn(3);
  const cid = isLeading ? 1 : attacker.randomCid(arena);
  arena.note(`${attacker.name}: several logins ${isLeading ? 'of new sessions' : `of connection ${cid}`} at once`);
  for (const each of attacker.session.open) if (each.missing === 0) keepBusy(each);
  const logins = Array.from({ length: 2 + random.below(2) }, () => {
    const session = isLeading ? leadingSession(arena, attacker.session) : attacker.session;
    return { session, connection: connect(arena, session, cid) };
  });
  if (isLeading) attacker.session.mayEnd = true;
  for (const connection of attacker.session.connections) if (connection.cid === cid) connection.mayEnd = true;
  await Promise.all(
    logins.map(async ({ connection }) => {
      for (const request of loginRequests(arena, connection, attacker.place)) {
        await turns(random.below(4));
        await exchangeLogin(connection, request);
      }
    }),
  );
  if (isLeading)
    await takeWinner(
      arena,
      attacker,
      logins.map(({ session }) => session),
    );
  return undefined;
};

/** Of several sessions of one initiator port, one is left (RFC 7143 §4.4.3.1). */
async function takeWinner(arena: Arena, attacker: Attacker, sessions: readonly ObservedSession[]): Promise<void> {
  const open = (): ObservedSession[] => sessions.filter(({ closed }) => !closed);
  if (!(await until(() => open().length <= 1))) arena.violation(`${attacker.name} has several sessions`);
  const [winner] = open();
  if (winner !== undefined) attacker.session = winner;
}

/** Commands that a device is at work on and that change its medium: who comes after them has to wait for their end. */
function keepBusy(connection: ObservedConnection): void {
  const { session, expStatSN } = connection;
  for (let index = 0; index < 4; index++) {
    const initiatorTaskTag = session.probeTag();
    const values = { opcode: Opcode.scsiCommand, immediate: true, final: true, attribute: 1, initiatorTaskTag };
    const range = { logicalBlockAddress: index, numberOfBlocks: 1 };
    const cdb = WriteSame16Cdb.encode({ operationCode: 0x93, noDataOut: true, ...range });
    const lun = encodeLun(index % 2);
    const numbers = { cmdSN: session.expCmdSN, expStatSN };
    connection.send(ScsiCommand.encode({ ...values, ...numbers, lun, cdb }));
  }
}

/** One of them wins; the others end at any time. */
function leadingSession(arena: Arena, { name }: ObservedSession): ObservedSession {
  const session = new ObservedSession(name, randomTerms(arena.random), arena.violation);
  session.mayEnd = true;
  return session;
}

/** A session that ends in the middle of a login that would join it. */
export const joinEndingSession: Attack = async (arena, { attacker, connection }) => {
  const { session, place } = attacker;
  const cid = attacker.randomCid(arena);
  arena.note(`${attacker.name}: it ends while connection ${cid} logs in`);
  session.mayEnd = true;
  const joining = connect(arena, session, cid);
  const [first, second] = loginRequests(arena, joining, place);
  if (first === undefined || second === undefined) return undefined;
  await exchangeLogin(joining, first);
  if (arena.random.oneIn(2)) logOut(connection);
  else for (const each of session.open) each.close();
  await turns(arena.random.below(4));
  await exchangeLogin(joining, second);
  return undefined;
};

function logOut(connection: ObservedConnection): void {
  if (connection.missing > 0) return;
  const { session, expStatSN } = connection;
  const initiatorTaskTag = session.probeTag();
  const values = { opcode: Opcode.logoutRequest, immediate: true, final: true, initiatorTaskTag };
  connection.send(LogoutRequest.encode({ ...values, cmdSN: session.expCmdSN, expStatSN }));
}

/** A login with something wrong in it: of a session of its own, or for one that there is. */
export const attackLogin: Attack = async (arena, { attacker }) => {
  arena.note('a login');
  const { random } = arena;
  const session = new ObservedSession('login', randomTerms(random), arena.violation);
  const requests = unsoundLogin(random, randomSubject(arena, attacker));
  for (const other of arena.attackers) {
    const names = requests.some(([header]) => Buffer.from(header).toString('hex', 8, 14) === other.place.isid);
    if (names) other.session.mayEnd = true;
  }
  const connection = connect(arena, session, 1);
  for (const [header, data] of requests) {
    connection.send(header, data);
    await turns(random.below(6));
  }
  await turns(6);
  // Some are left to their own devices: the login's time limit ends them.
  if (random.below(8) > 0) connection.close();
  return undefined;
};

function randomSubject(arena: Arena, attacker: Attacker): LoginSubject {
  const { random } = arena;
  const { terms, tsih } = attacker.session;
  const isJoining = random.oneIn(3);
  const { isid } = random.oneIn(2) ? attacker.place : { isid: '800000000007' };
  const keys = randomConnectionKeys(random);
  const handle = isJoining ? { tsih, cid: attacker.randomCid(arena) } : { tsih: 0, cid: 1 };
  return { initiatorName: INITIATOR, targetName: ATTACKED, isid, terms, keys, ...handle };
}
