/** Random PDUs: as they are, with additional headers, damaged, again, and many in disorder over all connections of a session. */

import { serialAdd } from '../../../../src/bytes/index.ts';
import { Opcode } from '../../../../src/iscsi/opcode.ts';
import { BasicHeader, RejectReason } from '../../../../src/iscsi/pdu.ts';
import type { Random } from '../../../support/random.ts';
import type { ObservedConnection } from '../../observed/connection.ts';
import { pduBytes } from '../../observed/pdu-bytes.ts';
import { damaged, randomBytes } from '../../random/bytes.ts';
import { randomPdu } from '../../random/pdu.ts';
import type { RandomPdu } from '../../random/request.ts';
import { turns } from '../../turns.ts';
import type { Attack } from '../arena.ts';

/** Everything that an initiator may send. */
const requests: ReadonlySet<number> = new Set([0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x10]);

const CMD_SN = 24;
/** Of a longer data segment it is not known in time what becomes of it. */
const LONGEST_CERTAIN = 8192;

function describe(connection: ObservedConnection, pdu: RandomPdu): string {
  return `${connection.name}: ${pdu.kind} ${Buffer.from(pdu.header).toString('hex')} + ${pdu.data.length}`;
}

function remember(connection: ObservedConnection, { header, data, ahs }: RandomPdu): void {
  const { opcode } = BasicHeader.view(header);
  if (opcode === Opcode.dataOut || opcode === Opcode.snackRequest) return;
  connection.session.remember(connection.session.requests, {
    connection,
    header,
    data,
    ...(ahs === undefined ? {} : { ahs }),
  });
}

/** Additional header segments that could be an extended CDB or a bidirectional length, or anything (RFC 7143 §11.2.2). */
function randomAhs(random: Random): Uint8Array {
  const ahs = randomBytes(random, 4 * (1 + random.below(random.oneIn(4) ? 255 : 6)));
  if (random.oneIn(3)) return ahs;
  ahs.writeUInt16BE(random.oneIn(2) ? ahs.length - 3 : random.below(65_536), 0);
  ahs[2] = random.pick([1, 2, 3, 0]);
  return ahs;
}

/** A whole PDU, seldom with additional headers. */
export const sendPdu: Attack = async (arena, { connection }) => {
  const { random } = arena;
  const pdu = randomPdu(random, connection);
  arena.note(describe(connection, pdu));
  remember(connection, pdu);
  // They end the session where they make no sense: seldom, so that others have time to do harm.
  const ahs = random.oneIn(60) ? randomAhs(random) : pdu.ahs;
  connection.send(pdu.header, pdu.data, ahs === undefined ? {} : { ahs });
  return pdu.data.length <= LONGEST_CERTAIN && ahs === undefined ? pdu : undefined;
};

/** Bits, bytes and runs of a PDU changed: whatever it is then, and whatever the stream is. */
export const sendDamaged: Attack = async (arena, { connection }) => {
  const pdu = randomPdu(arena.random, connection);
  const { ahs } = pdu;
  const changed = damaged(
    arena.random,
    pduBytes(pdu.header, pdu.data, connection.digests, ahs === undefined ? {} : { ahs }),
  );
  arena.note(`${describe(connection, pdu)} damaged: ${changed.subarray(0, 64).toString('hex')}`);
  connection.write(changed);
  return undefined;
};

/** A digest that does not match: a wrong header ends the connection, wrong data is refused (RFC 7143 §7.7, §7.8). */
export const sendWrongDigest: Attack = async (arena, { connection }) => {
  const { random } = arena;
  const { headerDigest, dataDigest } = connection.digests;
  const pdu = randomPdu(random, connection);
  const wrongHeaderDigest = headerDigest && random.oneIn(4);
  const wrongDataDigest = dataDigest && pdu.data.length > 0 && !wrongHeaderDigest;
  arena.note(`${describe(connection, pdu)}, wrong digest of ${wrongHeaderDigest ? 'header' : 'data'}`);
  const { opcode } = BasicHeader.view(pdu.header);
  const isData = opcode === Opcode.dataOut;
  connection.send(pdu.header, pdu.data, { wrongHeaderDigest, wrongDataDigest });
  if (!wrongDataDigest || isData) return undefined;
  // What is no request at all is told so before its data is looked at.
  const isRequest = requests.has(opcode);
  return { ...pdu, rejectedFor: isRequest ? RejectReason.dataDigestError : RejectReason.commandNotSupported };
};

/** Something that was sent before, on the same connection or another: a retry, right or wrong (RFC 7143 §7.2.1). */
export const sendAgain: Attack = async (arena, { attacker, connection }) => {
  const { requests } = attacker.session;
  const request = requests[arena.random.below(requests.length)];
  if (request === undefined) return undefined;
  arena.note(`${connection.name}: again ${Buffer.from(request.header).toString('hex')} + ${request.data.length}`);
  connection.send(request.header, request.data, request.ahs === undefined ? {} : { ahs: request.ahs });
  return undefined;
};

/** Several PDUs whose CmdSNs are due, over all connections and in any order. */
export const sendDisorder: Attack = async (arena, { attacker, connection }) => {
  const { random } = arena;
  const { session } = attacker;
  const count = Math.min(2 + random.below(6), session.room);
  const numbers = Array.from({ length: count }, (_, index) => serialAdd(session.expCmdSN, index));
  arena.note(`${attacker.name}: ${count} in disorder`);
  while (numbers.length > 0) {
    const [cmdSN = 0] = numbers.splice(random.below(numbers.length), 1);
    const on = session.open[random.below(session.open.length)] ?? connection;
    const pdu = randomPdu(random, on);
    const header = Buffer.from(pdu.header);
    header.writeUInt32BE(cmdSN, CMD_SN);
    if (random.below(4) > 0) header[0] = (header[0] ?? 0) & 0x3f;
    remember(on, { ...pdu, header });
    if (on.missing === 0) on.send(header, pdu.data, pdu.ahs === undefined ? {} : { ahs: pdu.ahs });
    if (random.oneIn(3)) await turns(random.below(3));
  }
  return undefined;
};
