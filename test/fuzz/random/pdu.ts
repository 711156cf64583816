/** Random PDUs of an initiator in the full feature phase: plausible, implausible, and damaged. */

import { Opcode, RESERVED_TAG } from '../../../src/iscsi/opcode.ts';
import { BasicHeader, LoginRequest, NopOut, RejectReason, TextRequest } from '../../../src/iscsi/pdu.ts';
import { encodeText } from '../../../src/iscsi/text.ts';
import type { Random } from '../../support/random.ts';
import type { ObservedConnection } from '../observed/connection.ts';
import { anyU32, damaged, randomBytes } from './bytes.ts';
import { randomLun } from './command.ts';
import { dataOut, scsiCommand } from './command-pdu.ts';
import { randomKeys } from './login.ts';
import { logout, snack, taskManagement } from './recovery-pdu.ts';
import { nothing, type PduMaker, type RandomPdu, requestFields } from './request.ts';

const nopOut: PduMaker = (random, connection) => ({
  kind: 'NOP-Out',
  header: NopOut.encode({
    ...requestFields(random, connection),
    opcode: Opcode.nopOut,
    final: random.below(5) > 0,
    lun: randomLun(random),
    targetTransferTag: random.oneIn(3) ? anyU32(random) : RESERVED_TAG,
  }),
  data: random.oneIn(3) ? randomBytes(random, random.pick([1, 2, 3, 4, 512, 4096, 8192])) : nothing,
});

const text: PduMaker = (random, connection) => {
  const { textTags } = connection.session;
  const continued = textTags[random.below(Math.max(1, textTags.length))];
  const fresh = random.below(3) > 0 || continued === undefined;
  const data = random.oneIn(8)
    ? damaged(random, encodeText(randomKeys(random)))
    : encodeText(random.oneIn(2) ? [{ key: 'SendTargets', value: random.pick(['', 'All', 'x']) }] : randomKeys(random));
  return {
    kind: 'Text Request',
    header: TextRequest.encode({
      ...requestFields(random, connection),
      opcode: Opcode.textRequest,
      final: random.below(3) > 0,
      continue: random.oneIn(4),
      lun: randomLun(random),
      targetTransferTag: fresh ? RESERVED_TAG : continued,
    }),
    data: random.oneIn(6) ? nothing : data.subarray(0, 8192),
  };
};

const unknownOpcodes = [
  0x07, 0x08, 0x0f, 0x11, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x21, 0x25, 0x31, 0x32, 0x3e, 0x3f,
] as const;

const unknown: PduMaker = (random, connection) => ({
  kind: 'an opcode that no initiator has',
  header: BasicHeader.encode({
    opcode: random.pick(unknownOpcodes),
    immediate: true,
    final: true,
    initiatorTaskTag: requestFields(random, connection).initiatorTaskTag,
    lun: randomBytes(random, 8),
  }),
  data: random.oneIn(3) ? randomBytes(random, 64) : nothing,
  rejectedFor: RejectReason.commandNotSupported,
});

const loginAgain: PduMaker = (random, connection) => ({
  kind: 'Login Request in the full feature phase',
  header: LoginRequest.encode({
    ...requestFields(random, connection),
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

const anyHeader: PduMaker = (random) => {
  const header = randomBytes(random, 48);
  // Mostly a PDU that the stream survives.
  if (random.below(4) > 0) header.fill(0, 4, 8);
  const data = random.oneIn(2) ? randomBytes(random, random.below(600)) : nothing;
  return { kind: 'random header', header, data };
};

const often: readonly PduMaker[] = [scsiCommand, scsiCommand, scsiCommand, scsiCommand, dataOut];
const makers = [
  ...often,
  ...often,
  dataOut,
  nopOut,
  nopOut,
  taskManagement,
  taskManagement,
  text,
  text,
  snack,
] as const;
const recovery = [snack, snack, snack, taskManagement, scsiCommand] as const;

export function randomPdu(random: Random, connection: ObservedConnection): RandomPdu {
  // These end the session: seldom, so that others have time to do harm.
  if (random.oneIn(60)) return random.oneIn(3) ? loginAgain(random, connection) : logout(random, connection);
  if (random.oneIn(12)) return random.oneIn(2) ? unknown(random, connection) : anyHeader(random, connection);
  const { errorRecoveryLevel } = connection.session;
  if (errorRecoveryLevel > 0 && random.oneIn(3)) return random.pick(recovery)(random, connection);
  return (makers[random.below(makers.length)] ?? nopOut)(random, connection);
}
