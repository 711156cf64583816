/** What options of the handshake carry: export names, the information that is asked for, and queries for metadata contexts. */

import { ProtocolError, readU16, readU32, writeU16, writeU32 } from '../bytes/index.ts';
import { MAX_STRING } from './protocol.ts';

const decoder = new TextDecoder('utf-8', { fatal: true });
const encoder = new TextEncoder();

/** NBD_OPT_INFO and NBD_OPT_GO. */
export interface InfoRequest {
  readonly exportName: string;
  /** Values of InfoType, and others. */
  readonly wanted: readonly number[];
}

/** NBD_OPT_LIST_META_CONTEXT and NBD_OPT_SET_META_CONTEXT. */
export interface MetaContextRequest {
  readonly exportName: string;
  readonly queries: readonly string[];
}

function malformed(what: string): ProtocolError {
  return new ProtocolError('NBD_OPTION_MALFORMED', `an NBD option that ${what}`);
}

/** Reads an option's data from its start to its end. */
class OptionReader {
  readonly #data: Uint8Array;
  #at = 0;

  constructor(data: Uint8Array) {
    this.#data = data;
  }

  u16(): number {
    return readU16(this.#data, this.#claim(2));
  }

  u32(): number {
    return readU32(this.#data, this.#claim(4));
  }

  /** Its length goes before it. */
  string(): string {
    const length = this.u32();
    if (length > MAX_STRING) throw malformed(`has a string of ${length} bytes`);
    const start = this.#claim(length);
    return decodeText(this.#data.subarray(start, start + length));
  }

  finish(): void {
    if (this.#at !== this.#data.length) throw malformed(`has ${this.#data.length - this.#at} bytes too many`);
  }

  #claim(length: number): number {
    const start = this.#at;
    if (this.#data.length - start < length) throw malformed('is cut short');
    this.#at += length;
    return start;
  }
}

/** Raises NBD_OPTION_MALFORMED. */
export function decodeText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw malformed('has a name that is no UTF-8');
  }
}

/** Raises NBD_OPTION_MALFORMED. */
export function decodeInfoRequest(data: Uint8Array): InfoRequest {
  const reader = new OptionReader(data);
  const exportName = reader.string();
  const wanted = Array.from({ length: reader.u16() }, () => reader.u16());
  reader.finish();
  return { exportName, wanted };
}

export function encodeInfoRequest({ exportName, wanted }: InfoRequest): Uint8Array {
  const name = lengthAndText(exportName);
  const bytes = new Uint8Array(name.length + 2 + 2 * wanted.length);
  bytes.set(name);
  writeU16(bytes, name.length, wanted.length);
  wanted.forEach((type, index) => {
    writeU16(bytes, name.length + 2 + 2 * index, type);
  });
  return bytes;
}

/** Raises NBD_OPTION_MALFORMED. */
export function decodeMetaContextRequest(data: Uint8Array): MetaContextRequest {
  const reader = new OptionReader(data);
  const exportName = reader.string();
  const count = reader.u32();
  const queries: string[] = [];
  // Not by the count, which may be any: what is not there ends it.
  while (queries.length < count) queries.push(reader.string());
  reader.finish();
  return { exportName, queries };
}

export function encodeMetaContextRequest({ exportName, queries }: MetaContextRequest): Uint8Array {
  const count = new Uint8Array(4);
  writeU32(count, 0, queries.length);
  return Buffer.concat([lengthAndText(exportName), count, ...queries.map(lengthAndText)]);
}

/** Text with its length in four bytes before it. */
export function lengthAndText(text: string): Uint8Array {
  const encoded = encoder.encode(text);
  const bytes = new Uint8Array(4 + encoded.length);
  writeU32(bytes, 0, encoded.length);
  bytes.set(encoded, 4);
  return bytes;
}
