/** A DHCP or BOOTP message: the fixed part of RFC 2131 figure 1 and the options behind it. */

import {
  bytes,
  type Field,
  IPV4_ANY,
  type Ipv4Address,
  ipv4FromBytes,
  ipv4ToNumber,
  layout,
  type MacAddress,
  macFromBytes,
  ProtocolError,
  u8,
  u16,
  u32,
  writeU32,
} from '../bytes/index.ts';
import { Option } from './option.ts';
import { locateOptions, type OptionArea, readOptionArea } from './option-area.ts';
import { text } from './option-codec.ts';
import { encodedLength, endOfOptions, writeOption } from './option-instance.ts';
import { OptionList } from './option-list.ts';

export const BootOperation = { request: 1, reply: 2 } as const;

/** Option 53 (RFC 2132 §9.6). */
export const MessageType = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const;

const magicCookie = 0x63825363;
export const broadcastFlag = 0x8000;
const ethernet = 1;
/** A BOOTP message is 300 bytes, and some agents drop shorter ones (RFC 1542 §2.1). */
export const bootpMessageLength = 300;
/** RFC 2131 §2: every client takes 576 bytes of IP datagram; 28 of them are the IP and UDP headers. */
export const minimumMaximumMessageLength = 548;

function ipv4(offset: number): Field<Ipv4Address> {
  return {
    offset,
    length: 4,
    read: (from, at) => ipv4FromBytes(from, at + offset),
    write: (into, at, value) => writeU32(into, at + offset, ipv4ToNumber(value)),
  };
}

/** Where options begin with their cookie, and an older BOOTP client's vendor area. */
const vendorAreaStart = 236;

const FixedPart = layout('DHCP message', 240, {
  op: u8(0),
  htype: u8(1),
  hlen: u8(2),
  hops: u8(3),
  xid: u32(4),
  secs: u16(8),
  flags: u16(10),
  ciaddr: ipv4(12),
  yiaddr: ipv4(16),
  siaddr: ipv4(20),
  giaddr: ipv4(24),
  chaddr: bytes(28, 16),
  sname: bytes(44, 64),
  file: bytes(108, 128),
  magicCookie: u32(vendorAreaStart),
});

export interface DhcpMessage {
  /** BootOperation: 1 from clients, 2 from servers. */
  readonly op: number;
  readonly htype: number;
  readonly hlen: number;
  readonly hops: number;
  readonly xid: number;
  /** Seconds since the client began. */
  readonly secs: number;
  readonly flags: number;
  readonly ciaddr: Ipv4Address;
  readonly yiaddr: Ipv4Address;
  readonly siaddr: Ipv4Address;
  readonly giaddr: Ipv4Address;
  /** 16 bytes, of which the first `hlen` count. */
  readonly chaddr: Uint8Array;
  /** Server host name; empty when the field carries options. */
  readonly sname: string;
  /** Boot file name; empty when the field carries options. */
  readonly file: string;
  /** Empty where there is a vendor area. */
  readonly options: OptionList;
  /** What an older BOOTP client has where the others have options: 64 bytes of its vendor's own meaning (RFC 951 §3). */
  readonly vendorArea: Uint8Array | undefined;
}

/** A message of its own; what is not given is zero or empty. */
export function dhcpMessage(fields: Partial<DhcpMessage>): DhcpMessage {
  return {
    op: BootOperation.request,
    htype: ethernet,
    hlen: 6,
    hops: 0,
    xid: 0,
    secs: 0,
    flags: 0,
    ciaddr: IPV4_ANY,
    yiaddr: IPV4_ANY,
    siaddr: IPV4_ANY,
    giaddr: IPV4_ANY,
    sname: '',
    file: '',
    vendorArea: undefined,
    ...fields,
    // Not made only to be replaced: that would be the most of what a reply costs in memory.
    chaddr: fields.chaddr ?? new Uint8Array(16),
    options: fields.options ?? new OptionList(),
  };
}

/** Option 53; undefined for BOOTP, which has none. Raises DHCP_OPTION_INVALID. */
export function messageType(message: DhcpMessage): number | undefined {
  return message.options.get(Option.messageType);
}

const noHardwareAddress = '00:00:00:00:00:00';

/** The Ethernet address of the client, or undefined when the message carries none that can tell machines apart. */
export function hardwareAddress(message: DhcpMessage): MacAddress | undefined {
  if (message.htype !== ethernet || message.hlen !== 6) return undefined;
  const address = macFromBytes(message.chaddr);
  return address === noHardwareAddress ? undefined : address;
}

/**
 * Reads a datagram. Raises ProtocolError: LAYOUT_TRUNCATED, DHCP_COOKIE_MISSING, DHCP_OPTIONS_TRUNCATED, DHCP_OVERLOAD_INVALID,
 * DHCP_HARDWARE_ADDRESS_INVALID.
 */
export function decodeMessage(datagram: Uint8Array): DhcpMessage {
  const fixed = FixedPart.view(datagram);
  const hasOptions = fixed.magicCookie === magicCookie;
  if (!hasOptions && !isOldBootp(datagram)) {
    throw new ProtocolError('DHCP_COOKIE_MISSING', 'the message has no option field that starts with 99.130.83.99');
  }
  if (fixed.hlen > 16) {
    throw new ProtocolError(
      'DHCP_HARDWARE_ADDRESS_INVALID',
      `a hardware address of ${fixed.hlen} bytes cannot be there`,
    );
  }
  const options = new OptionList();
  if (hasOptions) readOptionArea(datagram, { start: FixedPart.size, end: datagram.length }, options);
  const overload = overloadOf(options);
  // RFC 3396 §5: the aggregate buffer is options, then file, then sname.
  if (overload.file) readOptionArea(datagram, fileArea, options);
  if (overload.sname) readOptionArea(datagram, snameArea, options);
  const { op, htype, hlen, hops, xid, secs, flags, ciaddr, yiaddr, siaddr, giaddr } = fixed;
  const chaddr = new Uint8Array(fixed.chaddr);
  const sname = overload.sname ? '' : fieldText(datagram, snameArea);
  const file = overload.file ? '' : fieldText(datagram, fileArea);
  const vendorArea = hasOptions ? undefined : vendorAreaOf(datagram);
  return {
    op,
    htype,
    hlen,
    hops,
    xid,
    secs,
    flags,
    ciaddr,
    yiaddr,
    siaddr,
    giaddr,
    chaddr,
    sname,
    file,
    options,
    vendorArea,
  };
}

/** A datagram of a port that anybody can send to: what does not parse is no message. */
export function readMessage(datagram: Uint8Array): DhcpMessage | undefined {
  try {
    return decodeMessage(datagram);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

const snameArea = areaOf(FixedPart.fields.sname);
const fileArea = areaOf(FixedPart.fields.file);

function areaOf({ offset, length }: { readonly offset: number; readonly length: number }): OptionArea {
  return { start: offset, end: offset + length };
}

/** A copy, which `slice` of a socket's Buffer is not. */
function vendorAreaOf(datagram: Uint8Array): Uint8Array {
  return new Uint8Array(datagram.subarray(vendorAreaStart, bootpMessageLength));
}

/** RFC 951 §3: 300 bytes, as they stood before there were options. */
function isOldBootp(datagram: Uint8Array): boolean {
  const [op] = datagram;
  return datagram.length >= bootpMessageLength && (op === BootOperation.request || op === BootOperation.reply);
}

function overloadOf(options: OptionList): { readonly file: boolean; readonly sname: boolean } {
  const value = options.raw(Option.overload.code);
  if (value === undefined) return { file: false, sname: false };
  const [fields] = value;
  if (value.length !== 1 || fields === undefined || fields < 1 || fields > 3) {
    throw new ProtocolError('DHCP_OVERLOAD_INVALID', 'option overload (52) is not 1, 2 or 3');
  }
  options.delete(Option.overload.code);
  return { file: (fields & 1) !== 0, sname: (fields & 2) !== 0 };
}

/** Where a datagram has options: its option field, and file and sname when those carry some. Raises as `decodeMessage` does. */
export function optionAreas(datagram: Uint8Array): OptionArea[] {
  FixedPart.view(datagram);
  const areas: OptionArea[] = [{ start: FixedPart.size, end: datagram.length }];
  const overload = locateOptions(datagram, { start: FixedPart.size, end: datagram.length }).find(
    ({ code, length }) => code === Option.overload.code && length === 1,
  );
  const fields = overload === undefined ? 0 : (datagram[overload.start] as number);
  if ((fields & 1) !== 0) areas.push(fileArea);
  if ((fields & 2) !== 0) areas.push(snameArea);
  return areas;
}

const lenientText = new TextDecoder();

function fieldText(datagram: Uint8Array, { start, end }: OptionArea): string {
  // As in nearly every message.
  if (datagram[start] === 0) return '';
  const field = datagram.subarray(start, end);
  const nul = field.indexOf(0);
  return lenientText.decode(nul < 0 ? field : field.subarray(0, nul));
}

const overloadLength = 3;

/** The options of a message, put where there is room for them. */
interface Placement {
  readonly options: (readonly [number, Uint8Array])[];
  readonly file: (readonly [number, Uint8Array])[];
  readonly sname: (readonly [number, Uint8Array])[];
}

export interface EncodeOptions {
  /** Bytes of the datagram's payload; by default what an Ethernet frame carries. */
  readonly longest?: number;
  /** Options that do not fit the option field may go to `file` and `sname` when those are empty. BOOTP knows no such thing. */
  readonly overload?: boolean;
}

/** Writes a message; short ones are padded to the 300 bytes of BOOTP. Raises DHCP_MESSAGE_TOO_LONG when an option finds no room. */
export function encodeMessage(
  message: DhcpMessage,
  { longest = 1472, overload = true }: EncodeOptions = {},
): Uint8Array {
  if (message.vendorArea !== undefined) return encodeOldBootp(message, message.vendorArea);
  const length = message.options.encodedLength + 1;
  if (FixedPart.size + length <= longest) {
    const datagram = new Uint8Array(Math.max(bootpMessageLength, FixedPart.size + length));
    writeFixedPart(message, datagram);
    message.options.write(datagram, FixedPart.size);
    return datagram;
  }
  return encodeOverloaded(message, longest, overload);
}

function encodeOldBootp(message: DhcpMessage, vendorArea: Uint8Array): Uint8Array {
  const datagram = new Uint8Array(bootpMessageLength);
  writeFixedPart(message, datagram);
  datagram.fill(0, vendorAreaStart);
  datagram.set(vendorArea.subarray(0, bootpMessageLength - vendorAreaStart), vendorAreaStart);
  return datagram;
}

function encodeOverloaded(message: DhcpMessage, longest: number, overload: boolean): Uint8Array {
  const placement = place(message, longest - FixedPart.size, overload);
  const used = areaLength(placement.options) + (isOverloaded(placement) ? overloadLength : 0) + 1;
  const datagram = new Uint8Array(Math.max(bootpMessageLength, FixedPart.size + used));
  writeFixedPart(message, datagram);
  let at = FixedPart.size;
  // First, so that a reader knows from the start where else to look.
  if (isOverloaded(placement)) {
    const fields = (placement.file.length > 0 ? 1 : 0) | (placement.sname.length > 0 ? 2 : 0);
    at = writeOption(datagram, at, Option.overload.code, Uint8Array.of(fields));
  }
  writeArea(datagram, at, placement.options);
  if (placement.file.length > 0) writeArea(datagram, FixedPart.fields.file.offset, placement.file);
  if (placement.sname.length > 0) writeArea(datagram, FixedPart.fields.sname.offset, placement.sname);
  return datagram;
}

/** What is zero is so already. */
function writeFixedPart(message: DhcpMessage, datagram: Uint8Array): void {
  const fixed = FixedPart.edit(datagram);
  fixed.op = message.op;
  fixed.htype = message.htype;
  fixed.hlen = message.hlen;
  fixed.hops = message.hops;
  fixed.xid = message.xid;
  fixed.secs = message.secs;
  fixed.flags = message.flags;
  if (message.ciaddr !== IPV4_ANY) fixed.ciaddr = message.ciaddr;
  if (message.yiaddr !== IPV4_ANY) fixed.yiaddr = message.yiaddr;
  if (message.siaddr !== IPV4_ANY) fixed.siaddr = message.siaddr;
  if (message.giaddr !== IPV4_ANY) fixed.giaddr = message.giaddr;
  fixed.chaddr = message.chaddr;
  if (message.sname !== '') fixed.sname = fieldBytes(message.sname, FixedPart.fields.sname.length, 'sname');
  if (message.file !== '') fixed.file = fieldBytes(message.file, FixedPart.fields.file.length, 'file');
  fixed.magicCookie = magicCookie;
}

function fieldBytes(value: string, length: number, name: string): Uint8Array {
  const encoded = text.encode(value);
  // RFC 2131 §2: a NUL ends the text, so the last byte is not for use.
  if (encoded.length >= length) throw tooLong(`"${value}" does not fit the field ${name} of ${length} bytes`);
  return encoded;
}

function place(message: DhcpMessage, room: number, overload: boolean): Placement {
  const all = [...message.options];
  const placement: Placement = { options: [], file: [], sname: [] };
  const areas = [
    { list: placement.options, room: room - 1 - (overload ? overloadLength : 0) },
    { list: placement.file, room: overload && message.file === '' ? FixedPart.fields.file.length - 1 : 0 },
    { list: placement.sname, room: overload && message.sname === '' ? FixedPart.fields.sname.length - 1 : 0 },
  ];
  // RFC 3046 §2.1: the relay agent's option is the last one and never stands in file or sname, so its room is kept.
  const relay = all.find(([code]) => code === Option.relayAgentInformation.code);
  const optionField = areas[0] as { room: number };
  optionField.room -= relay === undefined ? 0 : encodedLength(relay[1].length);
  for (const entry of all) {
    if (entry === relay) continue;
    const length = encodedLength(entry[1].length);
    const area = areas.find((candidate) => candidate.room >= length);
    if (area === undefined) throw tooLong(`option ${entry[0]} of ${entry[1].length} bytes finds no room`);
    area.list.push(entry);
    area.room -= length;
  }
  if (optionField.room < 0) throw tooLong('the options find no room');
  if (relay !== undefined) placement.options.push(relay);
  return placement;
}

function isOverloaded(placement: Placement): boolean {
  return placement.file.length > 0 || placement.sname.length > 0;
}

function areaLength(options: Iterable<readonly [number, Uint8Array]>): number {
  let length = 0;
  for (const [, value] of options) length += encodedLength(value.length);
  return length;
}

function writeArea(into: Uint8Array, start: number, options: Iterable<readonly [number, Uint8Array]>): void {
  let at = start;
  for (const [code, value] of options) at = writeOption(into, at, code, value);
  into[at] = endOfOptions;
}

function tooLong(what: string): ProtocolError {
  return new ProtocolError('DHCP_MESSAGE_TOO_LONG', what, { hint: 'Send fewer or shorter options.' });
}
