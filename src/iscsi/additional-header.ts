/**
 * Additional header segments (RFC 7143 §11.2.2): what of a SCSI Command does not fit its basic header. Each is padded to whole words
 * and begins with its length, which counts from behind its type.
 */

import { layout, ProtocolError, readU32, u8, u16 } from '../bytes/index.ts';

/** AHS code (RFC 7143 §11.2.2.1): the lower six bits of AHSType, which the RFC numbers 2 to 7. */
export const AdditionalHeaderCode = { extendedCdb: 1, bidirectionalReadExpectedDataTransferLength: 2 } as const;

const SegmentHeader = layout('Additional Header Segment', 4, { ahsLength: u16(0), ahsType: u8(2), specific: u8(3) });

/** Bytes of AHSLength and AHSType, which AHSLength leaves out. */
const UNCOUNTED = 3;

/** Bytes of a CDB that the basic header holds. */
const CDB_IN_BASIC_HEADER = 16;

/** AHSLength of a Bidirectional Read Expected Data Transfer Length AHS (RFC 7143 §11.2.2.4). */
const BIDIRECTIONAL_LENGTH = 5;

/** What the additional headers of one SCSI Command say. */
export interface AdditionalHeaders {
  /** The CDB from its seventeenth byte on. */
  readonly extendedCdb: Uint8Array | undefined;
  readonly bidirectionalReadLength: number | undefined;
  /** The first AHS code that nobody has given a meaning yet. */
  readonly unknownCode: number | undefined;
}

/**
 * Reads the additional headers of one PDU. Raises ISCSI_AHS_MALFORMED for lengths that cannot be and for a segment that comes
 * twice: a format error, which ends the session (RFC 7143 §7.7).
 */
export function decodeAdditionalHeaders(ahs: Uint8Array): AdditionalHeaders {
  let extendedCdb: Uint8Array | undefined;
  let bidirectionalReadLength: number | undefined;
  let unknownCode: number | undefined;
  for (let at = 0; at < ahs.length; ) {
    if (ahs.length - at < SegmentHeader.size) throw malformed(`${ahs.length - at} bytes are left for one`);
    const { ahsLength, ahsType } = SegmentHeader.view(ahs, at);
    const end = at + UNCOUNTED + ahsLength;
    // The byte behind AHSType belongs to every segment, so that none is empty.
    if (ahsLength === 0 || end > ahs.length) throw malformed(`AHSLength is ${ahsLength}`);
    const code = ahsType & 0x3f;
    if (code === AdditionalHeaderCode.extendedCdb) {
      if (ahsLength < 2 || extendedCdb !== undefined) throw malformed('an extended CDB is empty, or there are two');
      extendedCdb = ahs.subarray(at + SegmentHeader.size, end);
    } else if (code === AdditionalHeaderCode.bidirectionalReadExpectedDataTransferLength) {
      if (ahsLength !== BIDIRECTIONAL_LENGTH || bidirectionalReadLength !== undefined) {
        throw malformed('a bidirectional read length is none, or there are two');
      }
      bidirectionalReadLength = readU32(ahs, at + SegmentHeader.size);
    } else {
      unknownCode ??= code;
    }
    at = (end + 3) & ~3;
  }
  return { extendedCdb, bidirectionalReadLength, unknownCode };
}

/** The Extended CDB AHS of a CDB of more than 16 bytes, with its padding. */
export function encodeExtendedCdb(cdb: Uint8Array): Uint8Array<ArrayBuffer> {
  const rest = cdb.subarray(CDB_IN_BASIC_HEADER);
  const result = new Uint8Array((SegmentHeader.size + rest.length + 3) & ~3);
  SegmentHeader.write(result, 0, { ahsLength: rest.length + 1, ahsType: AdditionalHeaderCode.extendedCdb });
  result.set(rest, SegmentHeader.size);
  return result;
}

/** The whole CDB, of which the basic header holds 16 bytes. */
export function joinCdb(cdb: Uint8Array, { extendedCdb }: AdditionalHeaders): Uint8Array {
  if (extendedCdb === undefined) return cdb;
  const whole = new Uint8Array(CDB_IN_BASIC_HEADER + extendedCdb.length);
  whole.set(cdb);
  whole.set(extendedCdb, CDB_IN_BASIC_HEADER);
  return whole;
}

function malformed(what: string): ProtocolError {
  return new ProtocolError('ISCSI_AHS_MALFORMED', `additional header segments that cannot be: ${what}`);
}
