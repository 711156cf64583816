/**
 * The data of a WRITE on its way out (RFC 7143 §4.2.5.2): in the command itself, unsolicited behind it, and as the target asks for it
 * by R2T. Payload is sliced, never copied.
 */

import { Opcode, RESERVED_TAG } from '../iscsi/opcode.ts';
import type { Parameters } from '../iscsi/parameters.ts';
import { DataOut } from '../iscsi/pdu.ts';
import type { HeaderSlab } from './header-slab.ts';

/** How the first bytes of a WRITE of `length` bytes travel. */
export interface FirstBurst {
  /** Bytes in the SCSI Command PDU's own data segment. */
  readonly immediate: number;
  /** Bytes in Data-Out PDUs that follow it without an R2T. */
  readonly unsolicited: number;
}

/** RFC 7143 §13.10, §13.11, §13.14: ImmediateData, InitialR2T and FirstBurstLength together decide. */
export function firstBurst(length: number, parameters: Parameters): FirstBurst {
  const limit = Math.min(length, parameters.firstBurstLength);
  const immediate = parameters.immediateData ? Math.min(limit, parameters.maxSendDataSegmentLength) : 0;
  return { immediate, unsolicited: parameters.initialR2T ? 0 : limit - immediate };
}

/** One sequence of Data-Out PDUs: an answer to an R2T, or the unsolicited data of a command. */
export interface DataSequence {
  readonly lun: Uint8Array;
  readonly initiatorTaskTag: number;
  /** That of the R2T; RESERVED_TAG for unsolicited data. */
  readonly targetTransferTag: number;
  readonly offset: number;
  readonly length: number;
}

/** Hands the PDUs of a sequence to `send`, the last one marked final. */
export function sendDataSequence(
  send: (header: Uint8Array, data: readonly Uint8Array[]) => void,
  slab: HeaderSlab,
  data: readonly Uint8Array[],
  sequence: DataSequence,
  numbering: { readonly expStatSN: number; readonly maxSendDataSegmentLength: number },
): void {
  const end = sequence.offset + sequence.length;
  let dataSN = 0;
  for (let offset = sequence.offset; offset < end; dataSN++) {
    const length = Math.min(end - offset, numbering.maxSendDataSegmentLength);
    const header = slab.take();
    const pdu = DataOut.edit(header);
    pdu.opcode = Opcode.dataOut;
    pdu.final = offset + length === end;
    // A LUN goes with a target transfer tag only (RFC 7143 §11.7.4).
    if (sequence.targetTransferTag !== RESERVED_TAG) pdu.lun = sequence.lun;
    pdu.initiatorTaskTag = sequence.initiatorTaskTag;
    pdu.targetTransferTag = sequence.targetTransferTag;
    pdu.expStatSN = numbering.expStatSN;
    pdu.dataSN = dataSN;
    pdu.bufferOffset = offset;
    send(header, slice(data, offset, length));
    offset += length;
  }
}

/** The part of a run of buffers that starts at `offset`, as views of them. */
export function slice(data: readonly Uint8Array[], offset: number, length: number): readonly Uint8Array[] {
  const parts: Uint8Array[] = [];
  let skip = offset;
  let left = length;
  for (const buffer of data) {
    if (left === 0) break;
    if (skip >= buffer.length) {
      skip -= buffer.length;
      continue;
    }
    const part = buffer.subarray(skip, skip + left);
    parts.push(part);
    left -= part.length;
    skip = 0;
  }
  return parts;
}
