/**
 * What lets a target end a session, or every session, by a second and plainer reading of the rules than the one under test: format
 * errors (RFC 7143 §7.7), logouts, resets, and what was damaged where nothing recovers.
 */

import { readU16, readU24, readU32 } from '../../../src/bytes/index.ts';
import { Opcode, RESERVED_TAG } from '../../../src/iscsi/opcode.ts';
import { BasicHeader, TaskManagementFunction, TaskManagementRequest } from '../../../src/iscsi/pdu.ts';

/** What the target declares to take: MaxRecvDataSegmentLength. */
const DATA_SEGMENT_BOUND = 262_144;
const DATA_SEGMENT_LENGTH = 5;
const INITIATOR_TASK_TAG = 16;

/** Requests that must have a tag of their own (RFC 7143 §11.2.1.8). */
const tagged: ReadonlySet<number> = new Set([
  Opcode.scsiCommand,
  Opcode.taskManagementRequest,
  Opcode.textRequest,
  Opcode.logoutRequest,
]);

/** A wrong header says nothing about its sender, and one that announces too much cannot be followed (RFC 7143 §7.7). */
export function isHeadFatal(header: Uint8Array, isSound: boolean): boolean {
  return !isSound || readU24(header, DATA_SEGMENT_LENGTH) > DATA_SEGMENT_BOUND;
}

export type EndReach = 'session' | 'every session' | undefined;

/** What a whole PDU may end, at once or in its turn. */
export function reachOf(header: Uint8Array, ahs: Uint8Array, isSound: boolean, errorRecoveryLevel: number): EndReach {
  const { opcode } = BasicHeader.view(header);
  // Without recovery, what was damaged would leave a hole in the order of commands (RFC 7143 §7.8).
  const isHole = !isSound && errorRecoveryLevel === 0 && opcode !== Opcode.dataOut;
  if (isHole || opcode === Opcode.loginRequest || opcode === Opcode.logoutRequest) return 'session';
  if (opcode === Opcode.taskManagementRequest) {
    const asked = TaskManagementRequest.view(header).function;
    if (asked === TaskManagementFunction.targetColdReset) return 'every session';
    if (asked === TaskManagementFunction.itNexusReset) return 'session';
  }
  return isMalformed(opcode, header, ahs) ? 'session' : undefined;
}

function isMalformed(opcode: number, header: Uint8Array, ahs: Uint8Array): boolean {
  const [first = 0, flags = 0] = header;
  const isUntagged = readU32(header, INITIATOR_TASK_TAG) === RESERVED_TAG;
  if (isUntagged && tagged.has(opcode)) return true;
  // A NOP-Out that asks for nothing is an immediate one (RFC 7143 §11.18.1).
  if (isUntagged && opcode === Opcode.nopOut && (first & 0x40) === 0) return true;
  // Neither F nor W, or an attribute that does not exist (RFC 7143 §11.3.1).
  if (opcode === Opcode.scsiCommand && ((flags & 0xa0) === 0 || (flags & 0x07) > 4)) return true;
  return ahs.length > 0 && !(opcode === Opcode.scsiCommand && isExtendedCdb(ahs));
}

/** One segment that is surely sound; other kinds may be (RFC 7143 §11.2.2). */
function isExtendedCdb(ahs: Uint8Array): boolean {
  const length = readU16(ahs, 0);
  return ((ahs[2] ?? 0) & 0x3f) === 1 && length > 1 && ((length + 6) & ~3) === ahs.length;
}
