/** Replies of a server (NBD "Simple reply message", "Structured reply chunk message"): what goes before the data, which goes as it is. */

import { type View, writeU32 } from '../bytes/index.ts';
import {
  ChunkFlag,
  ChunkHeader,
  ChunkType,
  ErrorChunk,
  MAX_STRING,
  OffsetData,
  type RequestHeader,
  SIMPLE_REPLY_MAGIC,
  SimpleReplyHeader,
  STRUCTURED_REPLY_MAGIC,
  StatusDescriptor,
} from './protocol.ts';

type Header = View<typeof RequestHeader>;

/** A run of an export, with bits of AllocationState. */
export interface BlockStatus {
  readonly length: number;
  readonly flags: number;
}

/** The whole reply where there is no data, and what goes before the data of a READ. */
export function simpleReply({ cookieHigh, cookieLow }: Header, error: number): Uint8Array {
  const reply = new Uint8Array(SimpleReplyHeader.size);
  SimpleReplyHeader.write(reply, 0, { magic: SIMPLE_REPLY_MAGIC, error, cookieHigh, cookieLow });
  return reply;
}

/** What goes before the data of a READ that is answered in one chunk. */
export function dataChunk(request: Header): Uint8Array {
  const chunk = chunkOf(request, ChunkType.offsetData, OffsetData.size, request.length);
  OffsetData.write(chunk, ChunkHeader.size, { offset: request.offset });
  return chunk;
}

/** `statuses` follow one another from the request's offset on; at least one. */
export function blockStatusChunk(request: Header, contextId: number, statuses: readonly BlockStatus[]): Uint8Array {
  const chunk = chunkOf(request, ChunkType.blockStatus, 4 + statuses.length * StatusDescriptor.size);
  writeU32(chunk, ChunkHeader.size, contextId);
  statuses.forEach((status, index) => {
    StatusDescriptor.write(chunk, ChunkHeader.size + 4 + index * StatusDescriptor.size, status);
  });
  return chunk;
}

export function errorChunk(request: Header, error: number, message: string): Uint8Array {
  const text = new TextEncoder().encode(message).subarray(0, MAX_STRING);
  const chunk = chunkOf(request, ChunkType.error, ErrorChunk.size + text.length);
  ErrorChunk.write(chunk, ChunkHeader.size, { error, messageLength: text.length });
  chunk.set(text, ChunkHeader.size + ErrorChunk.size);
  return chunk;
}

/** A chunk that is the only one of its reply; `more` bytes of its payload come after those that are made here. */
function chunkOf({ cookieHigh, cookieLow }: Header, type: number, length: number, more = 0): Uint8Array {
  const chunk = new Uint8Array(ChunkHeader.size + length);
  ChunkHeader.write(chunk, 0, {
    magic: STRUCTURED_REPLY_MAGIC,
    flags: ChunkFlag.done,
    type,
    cookieHigh,
    cookieLow,
    length: length + more,
  });
  return chunk;
}
