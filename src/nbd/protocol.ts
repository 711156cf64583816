/**
 * The numbers and structures of the NBD protocol (proto.md of NetworkBlockDevice/nbd; "NBD" and a section's name cite it): newstyle
 * negotiation with options, then requests and replies. All integers are big-endian.
 */

import { type Field, layout, readU32, u16, u32, u64, writeU32 } from '../bytes/index.ts';

/** What the server says first: "NBDMAGIC", "IHAVEOPT". */
export const GREETING_MAGIC = 0x4e42_444d_4147_4943n;
export const OPTION_MAGIC = 0x4948_4156_454f_5054n;
/** In place of OPTION_MAGIC, from a server that knows no options. */
export const OLDSTYLE_MAGIC = 0x0000_4202_8186_1253n;
export const OPTION_REPLY_MAGIC = 0x0003_e889_0455_65a9n;
export const REQUEST_MAGIC = 0x2560_9513;
export const SIMPLE_REPLY_MAGIC = 0x6744_6698;
export const STRUCTURED_REPLY_MAGIC = 0x668e_33ef;

/** Of the server and, with the same bits, of the client (NBD "Handshake phase"). */
export const HandshakeFlag = { fixedNewstyle: 1 << 0, noZeroes: 1 << 1 } as const;

export const Option = {
  exportName: 1,
  abort: 2,
  list: 3,
  startTls: 5,
  info: 6,
  go: 7,
  structuredReply: 8,
  listMetaContext: 9,
  setMetaContext: 10,
} as const;

const ERROR_REPLY = 2 ** 31;

export const OptionReplyType = {
  ack: 1,
  server: 2,
  info: 3,
  metaContext: 4,
  unsupported: ERROR_REPLY + 1,
  policy: ERROR_REPLY + 2,
  invalid: ERROR_REPLY + 3,
  platform: ERROR_REPLY + 4,
  tlsRequired: ERROR_REPLY + 5,
  unknown: ERROR_REPLY + 6,
  shutdown: ERROR_REPLY + 7,
  blockSizeRequired: ERROR_REPLY + 8,
  tooBig: ERROR_REPLY + 9,
} as const;

export function isErrorReply(type: number): boolean {
  return type >= ERROR_REPLY;
}

export const InfoType = { export: 0, name: 1, description: 2, blockSize: 3 } as const;

/** What an export can do (NBD "Transmission flags"). */
export const TransmissionFlag = {
  hasFlags: 1 << 0,
  readOnly: 1 << 1,
  sendFlush: 1 << 2,
  sendFua: 1 << 3,
  rotational: 1 << 4,
  sendTrim: 1 << 5,
  sendWriteZeroes: 1 << 6,
  sendDontFragment: 1 << 7,
  canMultiConn: 1 << 8,
  sendCache: 1 << 10,
} as const;

export const Command = {
  read: 0,
  write: 1,
  disconnect: 2,
  flush: 3,
  trim: 4,
  cache: 5,
  writeZeroes: 6,
  blockStatus: 7,
} as const;

export const CommandFlag = { fua: 1 << 0, noHole: 1 << 1, dontFragment: 1 << 2, requestOne: 1 << 3 } as const;

export const ChunkFlag = { done: 1 << 0 } as const;

const ERROR_CHUNK = 2 ** 15;

export const ChunkType = {
  none: 0,
  offsetData: 1,
  offsetHole: 2,
  blockStatus: 5,
  error: ERROR_CHUNK + 1,
  errorOffset: ERROR_CHUNK + 2,
} as const;

export function isErrorChunk(type: number): boolean {
  return type >= ERROR_CHUNK;
}

/** Numbers of errors, the same on every platform (NBD "Error values"). */
export const ErrorValue = {
  none: 0,
  notPermitted: 1,
  io: 5,
  noMemory: 12,
  invalid: 22,
  noSpace: 28,
  overflow: 75,
  notSupported: 95,
  shutdown: 108,
} as const;

export type ErrorValue = (typeof ErrorValue)[keyof typeof ErrorValue];

/** The metadata context of what is allocated (NBD "Metadata querying"), and its bits. */
export const ALLOCATION_CONTEXT = 'base:allocation';
export const AllocationState = { hole: 1 << 0, zero: 1 << 1 } as const;

/** Longest string of the protocol, in bytes (NBD "Values"). */
export const MAX_STRING = 4096;

/** 64 bits as a number: what passes 2^53 loses its last digits, but stays beyond the end of every export. */
function size64(offset: number): Field<number> {
  return {
    offset,
    length: 8,
    read: (bytes, at) => readU32(bytes, at + offset) * 2 ** 32 + readU32(bytes, at + offset + 4),
    write: (bytes, at, value) => {
      writeU32(bytes, at + offset, Math.floor(value / 2 ** 32));
      writeU32(bytes, at + offset + 4, value % 2 ** 32);
    },
  };
}

export const Greeting = layout('NBD greeting', 18, { magic: u64(0), optionMagic: u64(8), handshakeFlags: u16(16) });

export const OptionHeader = layout('NBD option', 16, { magic: u64(0), option: u32(8), length: u32(12) });

export const OptionReplyHeader = layout('NBD option reply', 20, {
  magic: u64(0),
  option: u32(8),
  type: u32(12),
  length: u32(16),
});

/** The answer to EXPORT_NAME; 124 zeros follow unless both sides do without. */
export const ExportAnswer = layout('NBD export', 10, { size: size64(0), transmissionFlags: u16(8) });
export const EXPORT_ANSWER_ZEROES = 124;

export const ExportInfo = layout('NBD export information', 12, {
  type: u16(0),
  size: size64(2),
  transmissionFlags: u16(10),
});

export const BlockSizeInfo = layout('NBD block size information', 14, {
  type: u16(0),
  minimum: u32(2),
  preferred: u32(6),
  maximum: u32(10),
});

/** The cookie is the client's own, and comes back as it is. */
export const RequestHeader = layout('NBD request', 28, {
  magic: u32(0),
  flags: u16(4),
  command: u16(6),
  cookieHigh: u32(8),
  cookieLow: u32(12),
  offset: size64(16),
  length: u32(24),
});

export const SimpleReplyHeader = layout('NBD simple reply', 16, {
  magic: u32(0),
  error: u32(4),
  cookieHigh: u32(8),
  cookieLow: u32(12),
});

export const ChunkHeader = layout('NBD structured reply chunk', 20, {
  magic: u32(0),
  flags: u16(4),
  type: u16(6),
  cookieHigh: u32(8),
  cookieLow: u32(12),
  length: u32(16),
});

/** What goes before the data of a chunk of NBD_REPLY_TYPE_OFFSET_DATA. */
export const OffsetData = layout('NBD data chunk', 8, { offset: size64(0) });

export const OffsetHole = layout('NBD hole chunk', 12, { offset: size64(0), length: u32(8) });

/** A message of that many bytes follows, and an offset in NBD_REPLY_TYPE_ERROR_OFFSET. */
export const ErrorChunk = layout('NBD error chunk', 6, { error: u32(0), messageLength: u16(4) });

/** A run of an export in one state. */
export const StatusDescriptor = layout('NBD block status', 8, { length: u32(0), flags: u32(4) });
