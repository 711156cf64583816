/** A URL with its lifetime (RFC 2608 §4.3), and the signatures that may come with it (§9.2). */

import { ProtocolError } from '../bytes/index.ts';
import type { FieldReader, FieldWriter } from './fields.ts';

/** Kept byte for byte; signatures are neither made nor checked here (RFC 4018 §6.1 leaves them to choice). */
export interface AuthenticationBlock {
  /** Which algorithm: 2 is DSA with SHA-1. */
  readonly blockStructureDescriptor: number;
  /** Seconds since 1970 at which it expires. */
  readonly timestamp: number;
  readonly spi: string;
  readonly structuredBlock: Uint8Array;
}

export interface UrlEntry {
  /** Seconds for which the URL may be kept: 0 to 65535. */
  readonly lifetime: number;
  readonly url: string;
  readonly authenticationBlocks: readonly AuthenticationBlock[];
}

export function readUrlEntry(from: FieldReader): UrlEntry {
  from.u8();
  const lifetime = from.u16();
  const url = from.string();
  return { lifetime, url, authenticationBlocks: readAuthenticationBlocks(from) };
}

export function writeUrlEntry(into: FieldWriter, { lifetime, url, authenticationBlocks }: UrlEntry): void {
  into.u8(0).u16(lifetime).string(url);
  writeAuthenticationBlocks(into, authenticationBlocks);
}

/** Descriptor, length and timestamp. */
const FIXED_LENGTH = 8;

export function readAuthenticationBlocks(from: FieldReader): AuthenticationBlock[] {
  return Array.from({ length: from.u8() }, () => {
    const blockStructureDescriptor = from.u16();
    const length = from.u16();
    const timestamp = from.u32();
    const spi = from.string();
    const rest = length - FIXED_LENGTH - 2 - Buffer.byteLength(spi);
    if (rest < 0) throw new ProtocolError('SLP_MESSAGE_INVALID', `an authentication block of ${length} bytes`);
    return { blockStructureDescriptor, timestamp, spi, structuredBlock: from.bytes(rest).slice() };
  });
}

export function writeAuthenticationBlocks(into: FieldWriter, blocks: readonly AuthenticationBlock[]): void {
  into.u8(blocks.length);
  for (const { blockStructureDescriptor, timestamp, spi, structuredBlock } of blocks) {
    const length = FIXED_LENGTH + 2 + Buffer.byteLength(spi) + structuredBlock.length;
    into.u16(blockStructureDescriptor).u16(length).u32(timestamp).string(spi).bytes(structuredBlock);
  }
}
