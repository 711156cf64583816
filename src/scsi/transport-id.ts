/**
 * TransportIDs of iSCSI: the name of an initiator device, or of one of its ports, inside parameter data (SPC-4,
 * RFC 7143 §4.4.2).
 */

import { bits, layout, u8, u16 } from '../bytes/index.ts';

export interface TransportId {
  readonly initiatorName: string;
  /** Twelve hex digits in lower case for one port; undefined where the whole device is meant (TPID FORMAT 00b). */
  readonly isid: string | undefined;
}

const TransportIdHeader = layout('iSCSI TransportID', 4, {
  format: bits(0, 6, 2),
  protocolIdentifier: bits(0, 0, 4),
  reserved: u8(1),
  additionalLength: u16(2),
});

/** TPID FORMAT: the device's name alone, or the port's name `<iSCSI name>,i,0x<ISID>`. */
const Format = { device: 0, port: 1 } as const;

const PROTOCOL_ISCSI = 5;

/** SPC-4 asks for at least this much behind the header, and for a multiple of four. */
const MINIMUM_ADDITIONAL_LENGTH = 20;

/** An iSCSI name has at most 223 bytes (RFC 7143 §4.2.7.1). */
const MAXIMUM_NAME_LENGTH = 223;

const portName = /^(?<initiatorName>.+),i,0[xX](?<isid>[0-9a-fA-F]{12})$/u;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

/** NUL-terminated and filled up with NULs. */
export function encodeTransportId({ initiatorName, isid }: TransportId): Uint8Array<ArrayBuffer> {
  const text = encoder.encode(isid === undefined ? initiatorName : `${initiatorName},i,0x${isid}`);
  const additionalLength = Math.max(MINIMUM_ADDITIONAL_LENGTH, (text.length + 4) & ~3);
  const result = new Uint8Array(TransportIdHeader.size + additionalLength);
  TransportIdHeader.write(result, 0, {
    format: isid === undefined ? Format.device : Format.port,
    protocolIdentifier: PROTOCOL_ISCSI,
    additionalLength,
  });
  result.set(text, TransportIdHeader.size);
  return result;
}

/**
 * Reads the TransportID at `start`; `length` is what it takes in all. Undefined when it is of another protocol, cut off, or no
 * proper name.
 */
export function decodeTransportId(
  data: Uint8Array,
  start: number,
): { readonly transportId: TransportId; readonly length: number } | undefined {
  if (data.length - start < TransportIdHeader.size) return undefined;
  const header = TransportIdHeader.view(data, start);
  const { additionalLength, format } = header;
  const end = start + TransportIdHeader.size + additionalLength;
  if (header.protocolIdentifier !== PROTOCOL_ISCSI || header.reserved !== 0) return undefined;
  if (additionalLength < MINIMUM_ADDITIONAL_LENGTH || additionalLength % 4 !== 0 || end > data.length) return undefined;
  const text = decodeText(data.subarray(start + TransportIdHeader.size, end));
  if (text === undefined) return undefined;
  const transportId = format === Format.port ? decodePortName(text) : { initiatorName: text, isid: undefined };
  if (format > Format.port || transportId === undefined) return undefined;
  if (encoder.encode(transportId.initiatorName).length > MAXIMUM_NAME_LENGTH) return undefined;
  return { transportId, length: end - start };
}

/** What stands before the first NUL, which must be there and have nothing but NULs behind it. */
function decodeText(field: Uint8Array): string | undefined {
  const end = field.indexOf(0);
  if (end <= 0 || field.subarray(end).some((byte) => byte !== 0)) return undefined;
  try {
    return decoder.decode(field.subarray(0, end));
  } catch {
    return undefined;
  }
}

function decodePortName(text: string): TransportId | undefined {
  const { initiatorName, isid } = portName.exec(text)?.groups ?? {};
  return initiatorName === undefined || isid === undefined ? undefined : { initiatorName, isid: isid.toLowerCase() };
}
