/**
 * What the header of a target's PDU may not say (RFC 7143 §7.7): fields that contradict each other. Whoever sends them cannot be
 * understood, and the session ends.
 *
 * Only what would otherwise be acted on is looked at (§7.10).
 */

import { readU32 } from '../bytes/index.ts';
import { Opcode, RESERVED_TAG } from '../iscsi/opcode.ts';
import { ScsiResponseCode } from '../iscsi/pdu.ts';
import { Status } from '../scsi/status.ts';

/** Byte offsets that these PDUs share. */
const RESPONSE = 2;
const STATUS = 3;
const INITIATOR_TASK_TAG = 16;
const TARGET_TRANSFER_TAG = 20;

/** Bits of the byte behind the opcode. */
const FINAL = 0x80;
const CONTINUE = 0x40;
const OVERFLOW_AND_UNDERFLOW = 0x06;
const HAS_STATUS = 0x01;

/** What is wrong with a header; undefined when it can be acted on. `dataLength` is that of the data segment. */
export function formatError(opcode: number, header: Uint8Array, dataLength: number): string | undefined {
  const [, flags = 0] = header;
  switch (opcode) {
    case Opcode.dataIn:
      return dataInError(flags, header[STATUS]);
    case Opcode.scsiResponse:
      // §11.4.3: nothing else counts where the command was not completed.
      return header[RESPONSE] === ScsiResponseCode.completed
        ? statusError(flags, header[STATUS], dataLength > 0)
        : undefined;
    case Opcode.readyToTransfer:
      // §11.8.5
      return hasTag(header, TARGET_TRANSFER_TAG) ? undefined : 'an R2T has no Target Transfer Tag';
    case Opcode.nopIn:
      // §7.7
      return hasTag(header, INITIATOR_TASK_TAG) && hasTag(header, TARGET_TRANSFER_TAG)
        ? 'a NOP-In answers and asks at once'
        : undefined;
    case Opcode.textResponse:
      return textResponseError(flags, header);
    default:
      return undefined;
  }
}

const hasTag = (header: Uint8Array, at: number): boolean => readU32(header, at) !== RESERVED_TAG;

/** §11.7.3 */
function dataInError(flags: number, status: number | undefined): string | undefined {
  if ((flags & HAS_STATUS) === 0) return undefined;
  return (flags & FINAL) === 0 ? 'Data-In has a status and is not the last' : statusError(flags, status, false);
}

/** §11.4.1, §7.7 */
function statusError(flags: number, status: number | undefined, hasSense: boolean): string | undefined {
  if ((flags & OVERFLOW_AND_UNDERFLOW) === OVERFLOW_AND_UNDERFLOW) return 'a residual is overflow and underflow';
  return status === Status.checkCondition && !hasSense ? 'a CHECK CONDITION has no sense data' : undefined;
}

/** §11.11.1, §11.11.2 */
function textResponseError(flags: number, header: Uint8Array): string | undefined {
  const isFinal = (flags & FINAL) !== 0;
  if (isFinal && (flags & CONTINUE) !== 0) return 'a Text Response is the last and goes on';
  // The tag of the last one does not count (§11.10.4).
  return isFinal || hasTag(header, TARGET_TRANSFER_TAG) ? undefined : 'a text goes on without a Target Transfer Tag';
}
