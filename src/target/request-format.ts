/**
 * What the header of a request may not say (RFC 7143 §7.7): values that do not exist, and fields that contradict each other. Whoever
 * sends them cannot be understood, and the session ends.
 *
 * Only what would otherwise be acted on is looked at (§7.10).
 */

import { readU32 } from '../bytes/index.ts';
import { Opcode, RESERVED_TAG } from '../iscsi/opcode.ts';
import { LogoutReason, TaskAttribute } from '../iscsi/pdu.ts';

/** Everything that an initiator may send in the full feature phase; a Login Request has come to the wrong place. */
const requestOpcodes: readonly number[] = [
  Opcode.nopOut,
  Opcode.scsiCommand,
  Opcode.taskManagementRequest,
  Opcode.loginRequest,
  Opcode.textRequest,
  Opcode.dataOut,
  Opcode.logoutRequest,
  Opcode.snackRequest,
];

/** By opcode, which has six bits: every PDU is looked up. */
const requests: readonly boolean[] = Array.from({ length: 64 }, (_, opcode) => requestOpcodes.includes(opcode));

export const isRequest = (opcode: number): boolean => requests[opcode] === true;

/** Requests that are tasks, and have a tag of their own. */
const tasks: ReadonlySet<number> = new Set([
  Opcode.scsiCommand,
  Opcode.taskManagementRequest,
  Opcode.textRequest,
  Opcode.logoutRequest,
]);

/** Byte offset of the Initiator Task Tag in every PDU. */
const INITIATOR_TASK_TAG = 16;

/** The byte behind the opcode: F and W of a command, and what else stands there. */
const FINAL_OR_WRITE = 0xa0;
const ATTRIBUTE = 0x07;
const REASON = 0x7f;
const IMMEDIATE = 0x40;

/** What is wrong with a request's header; undefined when it can be acted on. */
export function formatError(opcode: number, header: Uint8Array): string | undefined {
  const first = header[0] ?? 0;
  const flags = header[1] ?? 0;
  const isUntagged = readU32(header, INITIATOR_TASK_TAG) === RESERVED_TAG;
  // §11.2.1.8
  if (isUntagged && tasks.has(opcode)) return 'the Initiator Task Tag of a task is the reserved one';
  switch (opcode) {
    case Opcode.scsiCommand:
      // §11.3.1
      if ((flags & FINAL_OR_WRITE) === 0) return 'a SCSI Command has neither W nor F';
      return (flags & ATTRIBUTE) > TaskAttribute.aca ? 'a SCSI Command has a reserved attribute' : undefined;
    case Opcode.nopOut:
      // §11.18.1
      return isUntagged && (first & IMMEDIATE) === 0 ? 'a NOP-Out that asks for nothing is not immediate' : undefined;
    case Opcode.logoutRequest:
      // §11.14.1
      return (flags & REASON) > LogoutReason.removeConnectionForRecovery ? 'a Logout has a reserved reason' : undefined;
    default:
      return undefined;
  }
}
