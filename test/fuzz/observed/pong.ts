/** The answer to a ping of the target's, as every initiator must give it that knows NOPs (RFC 7143 §11.18). */

import { Opcode, RESERVED_TAG } from '../../../src/iscsi/opcode.ts';
import { NopIn, NopOut } from '../../../src/iscsi/pdu.ts';

/** Undefined when a NOP-In asks for none. */
export function pong(nopIn: Uint8Array, cmdSN: number, expStatSN: number): Uint8Array | undefined {
  const { targetTransferTag, lun } = NopIn.view(nopIn);
  if (targetTransferTag === RESERVED_TAG) return undefined;
  return NopOut.encode({
    opcode: Opcode.nopOut,
    immediate: true,
    final: true,
    initiatorTaskTag: RESERVED_TAG,
    targetTransferTag,
    lun,
    cmdSN,
    expStatSN,
  });
}
