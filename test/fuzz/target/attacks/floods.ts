/** Much at once: what is asked for and not taken, announced and not sent, answered and never acknowledged. */

import { serialAdd } from '../../../../src/bytes/index.ts';
import { Opcode, RESERVED_TAG } from '../../../../src/iscsi/opcode.ts';
import { NopOut, ScsiCommand } from '../../../../src/iscsi/pdu.ts';
import { encodeLun } from '../../../../src/scsi/index.ts';
import { payloadInUse } from '../../memory-in-use.ts';
import type { ObservedConnection } from '../../observed/connection.ts';
import { join } from '../../portal/log-in.ts';
import { turns, until } from '../../turns.ts';
import type { Attack } from '../arena.ts';
import { DISK_BYTES } from '../attacked-target.ts';

const BLOCKS = DISK_BYTES / 512;
/** Commands of one flood. */
const MANY = 300;
const FLOOD_TAG = 0xe000_0000;

function transfer(
  connection: ObservedConnection,
  index: number,
  values: { read: boolean; blocks: number; immediate: boolean },
): Uint8Array {
  const { read, blocks, immediate } = values;
  const { session, expStatSN } = connection;
  return ScsiCommand.encode({
    opcode: Opcode.scsiCommand,
    immediate,
    final: true,
    read,
    write: !read,
    attribute: 1,
    lun: encodeLun(1),
    initiatorTaskTag: FLOOD_TAG + index,
    expectedDataTransferLength: blocks * 512,
    cmdSN: immediate ? session.expCmdSN : serialAdd(session.expCmdSN, index),
    expStatSN,
    cdb: Uint8Array.of(read ? 0x28 : 0x2a, 0, 0, 0, 0, 0, 0, blocks >> 8, blocks & 0xff, 0, 0, 0, 0, 0, 0, 0),
  });
}

function flood(read: boolean): Attack {
  return async (arena, { connection }) => {
    arena.note(`${connection.name}: a flood of ${read ? 'reads' : 'writes'}`);
    connection.stall();
    for (let index = 0; index < MANY && connection.missing === 0 && !connection.closed; index++) {
      connection.send(transfer(connection, index, { read, blocks: BLOCKS, immediate: arena.random.below(3) > 0 }));
    }
    await turns(40);
    arena.checkBounds();
    connection.resume();
    return undefined;
  };
}

/** Asks for much and takes nothing. */
export const floodOfReads = flood(true);
/** Announces much and sends nothing. */
export const floodOfWrites = flood(false);

/** Bytes that are moved without an acknowledgement: several times what may be kept. */
const HOARD = 64 << 20;
/** What a connection keeps to be sent again (sent-pdus.ts), and some room for what is under way. */
const KEPT_BOUND = (16 << 20) + (4 << 20);

const kinds = ['reads', 'writes', 'pings'] as const;
const PAYLOAD = { reads: DISK_BYTES, writes: 65_536, pings: 65_536 } as const;

/** Takes all that comes and acknowledges nothing (RFC 7143 §4.2.2.2): what is kept to be sent again has a bound. */
export const hoard: Attack = async (arena, { connection }) => {
  const kind = arena.random.pick(kinds);
  arena.note(`${connection.name}: a hoard of ${kind}`);
  connection.holdAcknowledgements();
  const before = payloadInUse();
  const data = kind === 'reads' ? undefined : new Uint8Array(PAYLOAD[kind]).fill(7);
  for (let moved = 0; moved < HOARD && connection.missing === 0 && !connection.closed; ) {
    const count = kind === 'pings' ? 32 : Math.min(32, connection.session.room);
    const statSN = connection.statSN ?? 0;
    for (let index = 0; index < count; index++) {
      if (kind === 'pings') connection.send(bigPing(connection, index), data);
      else
        connection.send(
          transfer(connection, index, { read: kind === 'reads', blocks: PAYLOAD[kind] / 512, immediate: false }),
          data,
        );
    }
    if (!(await until(() => connection.closed || connection.statSN === serialAdd(statSN, count)))) break;
    moved += count * PAYLOAD[kind];
    if (count === 0) break;
  }
  const growth = payloadInUse() - before;
  if (growth > KEPT_BOUND)
    arena.violation(`${connection.name}: ${growth >> 20} MiB are kept of what was never acknowledged`);
  return undefined;
};

function bigPing({ session, expStatSN }: ObservedConnection, index: number): Uint8Array {
  return NopOut.encode({
    opcode: Opcode.nopOut,
    immediate: true,
    final: true,
    initiatorTaskTag: FLOOD_TAG + index,
    targetTransferTag: RESERVED_TAG,
    cmdSN: session.expCmdSN,
    expStatSN,
  });
}

/** The same connection is lost again and again, and each leaves a task and an answer behind. */
export const loseAgain: Attack = async (arena, { attacker, connection }) => {
  arena.note(`${connection.name}: lost again and again`);
  const { session, place } = attacker;
  let current = connection;
  for (let round = 0; round < 20 && !current.closed && session.room > 2; round++) {
    current.holdAcknowledgements();
    if (current.missing > 0) break;
    current.send(transfer(current, 2 * round, { read: true, blocks: 8, immediate: false }));
    current.send(transfer(current, 2 * round, { read: false, blocks: 8, immediate: false }));
    await turns(arena.random.below(12));
    current = await join(arena, session, place, current.cid);
  }
  arena.checkBounds();
  return undefined;
};
