/** Random PDUs of an initiator in the full feature phase: plausible, implausible, and damaged. */

import { serialAdd } from '../../src/bytes/index.ts';
import { encodeExtendedCdb } from '../../src/iscsi/additional-header.ts';
import { Opcode, RESERVED_TAG } from '../../src/iscsi/opcode.ts';
import {
  BasicHeader,
  DataOut,
  LoginRequest,
  LogoutRequest,
  NopOut,
  RejectReason,
  ScsiCommand,
  SnackRequest,
  TaskManagementRequest,
  TextRequest,
} from '../../src/iscsi/pdu.ts';
import { encodeText } from '../../src/iscsi/text.ts';
import type { Random } from '../support/random.ts';
import type { ObservedSession } from './observed-session.ts';
import { anyU32, damaged, near, randomBytes } from './random-bytes.ts';
import { randomCdb, randomLun, randomParameterList } from './random-command.ts';
import { randomKeys } from './random-login.ts';

export interface RandomPdu {
  readonly kind: string;
  readonly header: Uint8Array;
  readonly data: Uint8Array;
  /** The reason with which RFC 7143 has it rejected, when that is certain. */
  readonly rejectedFor?: number;
}

const nothing = new Uint8Array(0);
const lengths = [0, 1, 8, 24, 36, 255, 512, 1024, 4096, 8192, 65_536, 262_144, 0xff_ffff, 0xffff_ffff] as const;

type Maker = (random: Random, session: ObservedSession) => RandomPdu;

/** What requests share: a tag, numbering, and the bit that makes them immediate. */
function requestFields(random: Random, session: ObservedSession) {
  const reused = session.tags[random.below(Math.max(1, session.tags.length))];
  const initiatorTaskTag =
    random.oneIn(12) && reused !== undefined ? reused : random.oneIn(40) ? RESERVED_TAG : random.below(0xf000_0000);
  return {
    initiatorTaskTag,
    immediate: random.oneIn(3),
    cmdSN: random.oneIn(6) ? serialAdd(session.expCmdSN, random.below(140) - 4) : near(random, session.expCmdSN),
    expStatSN: near(random, session.statSN ?? 0),
  };
}

function anyTag(random: Random, session: ObservedSession): number {
  return session.tags[random.below(Math.max(1, session.tags.length))] ?? anyU32(random);
}

const scsiCommand: Maker = (random, session) => {
  const cdb = randomCdb(random);
  const direction = random.below(8);
  const write = direction >= 4 && direction < 7;
  const length = random.oneIn(2) ? (cdb[8] ?? 0) * 512 + random.below(3) * 512 : random.pick(lengths);
  const data = write && random.below(3) > 0 ? Math.min(length, random.pick([8, 24, 512, 4096, 8192, 65_536])) : 0;
  const header = ScsiCommand.encode({
    ...requestFields(random, session),
    opcode: Opcode.scsiCommand,
    final: random.below(6) > 0,
    read: direction < 4 || direction === 7,
    write: write || direction === 7,
    attribute: random.oneIn(2) ? 1 : random.below(8),
    lun: randomLun(random),
    expectedDataTransferLength: length,
    cdb: cdb.subarray(0, 16),
  });
  const whole = cdb.length === 16 ? header : withExtendedCdb(random, header, cdb);
  return { kind: 'SCSI Command', header: whole, data: data > 0 ? randomParameterList(random, data) : nothing };
};

/** The header with what its CDB field does not hold behind it, mostly as it must be. */
function withExtendedCdb(random: Random, header: Uint8Array, cdb: Uint8Array): Uint8Array {
  const sound = encodeExtendedCdb(cdb);
  const broken = random.oneIn(6) ? damaged(random, sound) : sound;
  const ahs = broken.subarray(0, broken.length & ~3);
  header[4] = ahs.length / 4;
  return Buffer.concat([header, ahs]);
}

/** What an R2T asked for, or almost. */
const dataOut: Maker = (random, session) => {
  const r2t = session.r2ts[random.below(Math.max(1, session.r2ts.length))];
  const honest = random.below(4) > 0;
  const wanted = r2t?.length ?? 512;
  const length = Math.min(262_144, honest ? wanted : near(random, wanted) % 300_000);
  const header = DataOut.encode({
    opcode: Opcode.dataOut,
    final: honest || random.oneIn(2),
    lun: randomLun(random),
    initiatorTaskTag: r2t === undefined || random.oneIn(10) ? anyTag(random, session) : r2t.initiatorTaskTag,
    targetTransferTag: r2t === undefined || random.oneIn(10) ? anyU32(random) : r2t.targetTransferTag,
    expStatSN: session.statSN ?? 0,
    dataSN: honest ? 0 : random.below(4),
    bufferOffset: honest ? (r2t?.bufferOffset ?? 0) : near(random, r2t?.bufferOffset ?? 0),
  });
  return { kind: 'Data-Out', header, data: length > 0 ? randomBytes(random, Math.min(length, 65_536)) : nothing };
};

const nopOut: Maker = (random, session) => ({
  kind: 'NOP-Out',
  header: NopOut.encode({
    ...requestFields(random, session),
    opcode: Opcode.nopOut,
    final: random.below(5) > 0,
    lun: randomLun(random),
    targetTransferTag: random.oneIn(3) ? anyU32(random) : RESERVED_TAG,
  }),
  data: random.oneIn(3) ? randomBytes(random, random.pick([1, 2, 3, 4, 512, 4096, 8192])) : nothing,
});

const taskManagement: Maker = (random, session) => ({
  kind: 'Task Management Function Request',
  header: TaskManagementRequest.encode({
    ...requestFields(random, session),
    opcode: Opcode.taskManagementRequest,
    final: true,
    // A cold reset ends every session: rarely.
    function: random.below(6) > 0 ? random.pick([1, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12]) : random.below(128),
    lun: randomLun(random),
    referencedTaskTag: anyTag(random, session),
    refCmdSN: near(random, session.expCmdSN),
    expDataSN: anyU32(random),
  }),
  data: random.oneIn(10) ? randomBytes(random, 16) : nothing,
});

const text: Maker = (random, session) => {
  const continued = session.textTags[random.below(Math.max(1, session.textTags.length))];
  const fresh = random.below(3) > 0 || continued === undefined;
  const data = random.oneIn(8)
    ? damaged(random, encodeText(randomKeys(random)))
    : encodeText(random.oneIn(2) ? [{ key: 'SendTargets', value: random.pick(['', 'All', 'x']) }] : randomKeys(random));
  return {
    kind: 'Text Request',
    header: TextRequest.encode({
      ...requestFields(random, session),
      opcode: Opcode.textRequest,
      final: random.below(3) > 0,
      continue: random.oneIn(4),
      lun: randomLun(random),
      targetTransferTag: fresh ? RESERVED_TAG : continued,
    }),
    data: random.oneIn(6) ? nothing : data.subarray(0, 8192),
  };
};

const logout: Maker = (random, session) => ({
  kind: 'Logout Request',
  header: LogoutRequest.encode({
    ...requestFields(random, session),
    opcode: Opcode.logoutRequest,
    final: true,
    reason: random.oneIn(4) ? random.below(128) : random.pick([2, 1, 3]),
    cid: random.below(4),
  }),
  data: nothing,
});

/** ErrorRecoveryLevel 0 keeps nothing that could be sent again (RFC 7143 §11.16). */
const snack: Maker = (random) => ({
  kind: 'SNACK Request',
  header: SnackRequest.encode({
    opcode: Opcode.snackRequest,
    final: true,
    immediate: random.oneIn(2),
    type: random.below(16),
    lun: randomLun(random),
    initiatorTaskTag: random.below(0xf000_0000),
    targetTransferTag: anyU32(random),
    begRun: anyU32(random),
    runLength: anyU32(random),
  }),
  data: nothing,
  rejectedFor: RejectReason.snackReject,
});

const unknownOpcodes = [
  0x07, 0x08, 0x0f, 0x11, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x21, 0x25, 0x31, 0x32, 0x3e, 0x3f,
] as const;

const unknown: Maker = (random, session) => ({
  kind: 'an opcode that no initiator has',
  header: BasicHeader.encode({
    opcode: random.pick(unknownOpcodes),
    immediate: true,
    final: true,
    initiatorTaskTag: requestFields(random, session).initiatorTaskTag,
    lun: randomBytes(random, 8),
  }),
  data: random.oneIn(3) ? randomBytes(random, 64) : nothing,
  rejectedFor: RejectReason.commandNotSupported,
});

const loginAgain: Maker = (random, session) => ({
  kind: 'Login Request in the full feature phase',
  header: LoginRequest.encode({
    ...requestFields(random, session),
    opcode: Opcode.loginRequest,
    immediate: true,
    transit: random.oneIn(2),
    currentStage: random.below(4),
    nextStage: random.below(4),
    tsih: anyU32(random) & 0xffff,
  }),
  data: encodeText(randomKeys(random)),
  rejectedFor: RejectReason.protocolError,
});

const anyHeader: Maker = (random) => {
  const header = randomBytes(random, 48);
  // Mostly a PDU that the stream survives.
  if (random.below(4) > 0) header.fill(0, 4, 8);
  return { kind: 'random header', header, data: random.oneIn(2) ? randomBytes(random, random.below(600)) : nothing };
};

const makers: readonly [Maker, ...Maker[]] = [
  ...[scsiCommand, scsiCommand, scsiCommand, scsiCommand, scsiCommand, scsiCommand, scsiCommand, scsiCommand],
  ...[dataOut, dataOut, dataOut, nopOut, nopOut, taskManagement, taskManagement, text, text, snack, unknown, anyHeader],
] as unknown as [Maker, ...Maker[]];

export function randomPdu(random: Random, session: ObservedSession): RandomPdu {
  // These end the session: seldom, so that others have time to do harm.
  if (random.oneIn(60)) return random.oneIn(2) ? logout(random, session) : loginAgain(random, session);
  return random.pick(makers)(random, session);
}
