/** Random PDUs that recover, or that pretend to: SNACKs, task management with TASK REASSIGN, and logouts. */

import { serialAdd } from '../../../src/bytes/index.ts';
import { Opcode, RESERVED_TAG } from '../../../src/iscsi/opcode.ts';
import {
  LogoutRequest,
  RejectReason,
  SnackRequest,
  SnackType,
  TaskManagementFunction,
  TaskManagementRequest,
} from '../../../src/iscsi/pdu.ts';
import type { Random } from '../../support/random.ts';
import type { ObservedConnection } from '../observed/connection.ts';
import { anyU32, near, randomBytes } from './bytes.ts';
import { randomLun } from './command.ts';
import { anyTag, nothing, type PduMaker, requestFields } from './request.ts';

/** BegRun, RunLength and the Target Transfer Tag as each type has them (RFC 7143 §11.16), and what a type is not to have. */
function snackRun(random: Random, type: number, connection: ObservedConnection) {
  const { dataAcks } = connection.session;
  const wild = random.oneIn(5);
  const begRun = wild ? anyU32(random) : random.below(6);
  const runLength = wild ? anyU32(random) : random.below(4);
  switch (type) {
    case SnackType.status:
      return {
        begRun: serialAdd(connection.expStatSN, random.below(8) - 4),
        runLength,
        targetTransferTag: RESERVED_TAG,
      };
    case SnackType.dataAck:
      return { begRun, runLength: 0, targetTransferTag: dataAcks[random.below(dataAcks.length)] ?? anyU32(random) };
    case SnackType.rData: {
      const all = random.below(4) > 0;
      return { begRun: all ? 0 : begRun, runLength: all ? 0 : runLength, targetTransferTag: 1 + random.below(1000) };
    }
    default:
      return { begRun, runLength, targetTransferTag: wild ? anyU32(random) : RESERVED_TAG };
  }
}

export const snack: PduMaker = (random, connection) => {
  const type = random.oneIn(8) ? random.below(16) : random.below(4);
  const header = SnackRequest.encode({
    opcode: Opcode.snackRequest,
    final: true,
    immediate: random.oneIn(2),
    type,
    lun: randomLun(random),
    initiatorTaskTag: random.oneIn(8) ? random.below(0xf000_0000) : anyTag(random, connection),
    expStatSN: near(random, connection.expStatSN),
    ...snackRun(random, type, connection),
  });
  // ErrorRecoveryLevel 0 keeps nothing that could be sent again (RFC 7143 §11.16).
  const isRefused = connection.session.errorRecoveryLevel === 0;
  return {
    kind: 'SNACK Request',
    header,
    data: nothing,
    ...(isRefused ? { rejectedFor: RejectReason.snackReject } : {}),
  };
};

const functions = [1, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12] as const;

export const taskManagement: PduMaker = (random, connection) => {
  const recovers = connection.session.errorRecoveryLevel === 2 && random.oneIn(2);
  // A cold reset ends every session: rarely.
  const ordinary = random.below(6) > 0 ? random.pick(functions) : random.below(128);
  const asked = recovers ? TaskManagementFunction.taskReassign : ordinary;
  const header = TaskManagementRequest.encode({
    ...requestFields(random, connection),
    opcode: Opcode.taskManagementRequest,
    final: true,
    function: asked,
    lun: randomLun(random),
    referencedTaskTag: anyTag(random, connection),
    refCmdSN: near(random, connection.session.expCmdSN),
    expDataSN: random.oneIn(4) ? anyU32(random) : random.below(6),
  });
  return {
    kind: 'Task Management Function Request',
    header,
    data: random.oneIn(10) ? randomBytes(random, 16) : nothing,
  };
};

export const logout: PduMaker = (random, connection) => {
  const { connections } = connection.session;
  const known = connections[random.below(connections.length)]?.cid ?? 0;
  return {
    kind: 'Logout Request',
    header: LogoutRequest.encode({
      ...requestFields(random, connection),
      opcode: Opcode.logoutRequest,
      final: true,
      reason: random.oneIn(6) ? random.below(128) : random.pick([2, 2, 1, 3, 0]),
      cid: random.oneIn(4) ? random.below(4) : known,
    }),
    data: nothing,
  };
};
