/** The immediate requests of an initiator, written into fresh headers. Tags and numbers that all share are the session's to fill in. */

import { Opcode, RESERVED_TAG } from '../iscsi/opcode.ts';
import {
  LogoutReason,
  LogoutRequest,
  type NopIn,
  NopOut,
  TaskManagementFunction,
  TaskManagementRequest,
  TextRequest,
  type TextResponse,
} from '../iscsi/pdu.ts';
import type { Task } from './task.ts';
import type { ManagementRequest } from './task-management.ts';

/** What the next request of a text takes over from the latest answer (RFC 7143 §11.10.4). */
export type TextPlace = Pick<TextResponse, 'targetTransferTag' | 'lun'>;

/** RFC 7143 §11.10. The first request of a text has no place yet. */
export function textRequest(header: Uint8Array, place: TextPlace | undefined): void {
  const values = place ?? { targetTransferTag: RESERVED_TAG };
  TextRequest.write(header, 0, { opcode: Opcode.textRequest, final: true, ...values });
}

/** Ends the session; the CID is reserved then (RFC 7143 §11.14.3). */
export function logoutRequest(header: Uint8Array): void {
  LogoutRequest.write(header, 0, { opcode: Opcode.logoutRequest, final: true, reason: LogoutReason.closeSession });
}

/** A NOP-Out that asks the target whether it is there (RFC 7143 §11.18). */
export function pingRequest(header: Uint8Array): void {
  NopOut.write(header, 0, { opcode: Opcode.nopOut, final: true, targetTransferTag: RESERVED_TAG });
}

/** The answer to a target's own question (RFC 7143 §11.18.1): its tag and LUN come back. */
export function pingAnswer(header: Uint8Array, question: NopIn): void {
  NopOut.write(header, 0, {
    opcode: Opcode.nopOut,
    final: true,
    lun: question.lun,
    targetTransferTag: question.targetTransferTag,
  });
}

/** Acknowledges an Asynchronous Message about the tasks of a unit: a NOP-Out that wants no answer (RFC 7143 §11.9.1). */
export function terminationAcknowledgement(header: Uint8Array, lun: Uint8Array): void {
  NopOut.write(header, 0, { opcode: Opcode.nopOut, final: true, lun, targetTransferTag: RESERVED_TAG });
}

/** RFC 7143 §11.5 */
export function taskManagementRequest(header: Uint8Array, request: ManagementRequest): void {
  TaskManagementRequest.write(header, 0, {
    opcode: Opcode.taskManagementRequest,
    final: true,
    referencedTaskTag: RESERVED_TAG,
    ...request,
  });
}

/** RFC 7143 §11.5 */
export function abortTaskRequest(header: Uint8Array, task: Task): void {
  TaskManagementRequest.write(header, 0, {
    opcode: Opcode.taskManagementRequest,
    final: true,
    function: TaskManagementFunction.abortTask,
    lun: task.request.lun,
    referencedTaskTag: task.initiatorTaskTag,
    refCmdSN: task.cmdSN,
  });
}
