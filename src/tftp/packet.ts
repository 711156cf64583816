/** TFTP packets (RFC 1350 §5, RFC 2347): six kinds, told apart by their first two bytes. */

import { ProtocolError, readU16, writeU16 } from '../bytes/index.ts';

export const Opcode = { readRequest: 1, writeRequest: 2, data: 3, ack: 4, error: 5, optionAck: 6 } as const;

/** RFC 1350 §5 and RFC 2347 (8). */
export const ErrorCode = {
  notDefined: 0,
  fileNotFound: 1,
  accessViolation: 2,
  diskFull: 3,
  illegalOperation: 4,
  unknownTransferId: 5,
  fileExists: 6,
  noSuchUser: 7,
  optionNegotiationFailed: 8,
} as const;

/** Options by lower-case name, in the order sent (RFC 2347: names know no case). */
export type TftpOptions = ReadonlyMap<string, string>;

export interface RequestPacket {
  readonly opcode: typeof Opcode.readRequest | typeof Opcode.writeRequest;
  readonly fileName: string;
  /** Lower case: `octet`, `netascii`, `mail`. */
  readonly mode: string;
  readonly options: TftpOptions;
}

export type TftpPacket =
  | RequestPacket
  | { readonly opcode: typeof Opcode.data; readonly block: number; readonly data: Uint8Array }
  | { readonly opcode: typeof Opcode.ack; readonly block: number }
  | { readonly opcode: typeof Opcode.error; readonly code: number; readonly message: string }
  | { readonly opcode: typeof Opcode.optionAck; readonly options: TftpOptions };

const decoder = new TextDecoder();
const encoder = new TextEncoder();

function invalid(what: string): ProtocolError {
  return new ProtocolError('TFTP_PACKET_INVALID', what);
}

/** Reads a datagram; `data` is a view of it. Raises TFTP_PACKET_INVALID. */
export function decodePacket(datagram: Uint8Array): TftpPacket {
  if (datagram.length < 4) throw invalid(`${datagram.length} bytes are too few for a packet`);
  const opcode = readU16(datagram, 0);
  switch (opcode) {
    case Opcode.readRequest:
    case Opcode.writeRequest:
      return decodeRequest(opcode, datagram);
    case Opcode.data:
      return { opcode, block: readU16(datagram, 2), data: datagram.subarray(4) };
    case Opcode.ack:
      return { opcode, block: readU16(datagram, 2) };
    case Opcode.error:
      return { opcode, code: readU16(datagram, 2), message: errorText(datagram.subarray(4)) };
    case Opcode.optionAck:
      return { opcode, options: pairs(strings(datagram, 2)) };
    default:
      throw invalid(`opcode ${opcode} is unknown`);
  }
}

function decodeRequest(opcode: RequestPacket['opcode'], datagram: Uint8Array): RequestPacket {
  const [fileName, mode, ...options] = strings(datagram, 2);
  if (fileName === undefined || mode === undefined) throw invalid('a request without file name or mode');
  return { opcode, fileName, mode: mode.toLowerCase(), options: pairs(options) };
}

/** Some senders leave out the NUL after an error's text. */
function errorText(bytes: Uint8Array): string {
  const nul = bytes.indexOf(0);
  return decoder.decode(nul < 0 ? bytes : bytes.subarray(0, nul));
}

function strings(datagram: Uint8Array, start: number): string[] {
  const found: string[] = [];
  let at = start;
  while (at < datagram.length) {
    const nul = datagram.indexOf(0, at);
    if (nul < 0) throw invalid('a string is not ended by NUL');
    found.push(decoder.decode(datagram.subarray(at, nul)));
    at = nul + 1;
  }
  return found;
}

function pairs(items: readonly string[]): TftpOptions {
  if (items.length % 2 !== 0) throw invalid('an option has no value');
  const options = new Map<string, string>();
  for (let at = 0; at < items.length; at += 2) {
    const name = (items[at] ?? '').toLowerCase();
    // RFC 2347: an option may be given only once. The first counts.
    if (!options.has(name)) options.set(name, items[at + 1] ?? '');
  }
  return options;
}

export function encodePacket(packet: TftpPacket): Uint8Array {
  switch (packet.opcode) {
    case Opcode.readRequest:
    case Opcode.writeRequest:
      return withStrings(packet.opcode, [packet.fileName, packet.mode, ...[...packet.options].flat()]);
    case Opcode.data:
      return withNumber(packet.opcode, packet.block, packet.data);
    case Opcode.ack:
      return withNumber(packet.opcode, packet.block, new Uint8Array(0));
    case Opcode.error:
      return withNumber(packet.opcode, packet.code, encoder.encode(`${packet.message}\0`));
    case Opcode.optionAck:
      return withStrings(packet.opcode, [...packet.options].flat());
  }
}

function withNumber(opcode: number, value: number, rest: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + rest.length);
  writeU16(bytes, 0, opcode);
  writeU16(bytes, 2, value);
  bytes.set(rest, 4);
  return bytes;
}

function withStrings(opcode: number, items: readonly string[]): Uint8Array {
  const rest = encoder.encode(items.map((item) => `${item}\0`).join(''));
  const bytes = new Uint8Array(2 + rest.length);
  writeU16(bytes, 0, opcode);
  bytes.set(rest, 2);
  return bytes;
}

export function errorPacket(code: number, message: string): Uint8Array {
  return encodePacket({ opcode: Opcode.error, code, message });
}
