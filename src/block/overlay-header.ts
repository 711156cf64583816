/**
 * The first 4096 bytes of a copy-on-write disk's map files: which disk, over which image, and (in the live map) under which boot
 * of the machine the rest may be believed. The map's pages follow.
 */

import { bytes, crc32c, DisklessError, layout, u32, u64 } from '../bytes/index.ts';

/** Bytes before the first page. */
export const OVERLAY_HEADER_SIZE = 4096;
/** Bytes of a block: what the page cache and most disks write at once. */
export const OVERLAY_BLOCK_SIZE = 4096;

const MAGIC = new TextEncoder().encode('DISKLESS');
const VERSION = 1;
const CHECKED = 124;

const OverlayHeader = layout('overlay header', 128, {
  magic: bytes(0, 8),
  version: u32(8),
  blockSize: u32(12),
  /** Bytes of the disk, which are those of the image. */
  size: u64(16),
  /** SHA-256 identity of the image. */
  baseIdentity: bytes(24, 32),
  /** Random: says that two files are of one disk. */
  diskId: bytes(56, 16),
  /** The boot id as text of 36 letters, padded with zeros; all zeros in the durable map. */
  bootId: bytes(72, 48),
  /** CRC-32C of the bytes before it. */
  checksum: u32(CHECKED),
});

/** What a disk is made over. */
export interface OverlayBase {
  /** 32 bytes. */
  readonly identity: Uint8Array;
  readonly size: number;
}

export interface OverlayIdentity {
  readonly base: OverlayBase;
  /** 16 bytes. */
  readonly diskId: Uint8Array;
  /** Empty in the durable map. */
  readonly bootId: string;
}

export function encodeOverlayHeader(identity: OverlayIdentity): Uint8Array {
  const header = new Uint8Array(OVERLAY_HEADER_SIZE);
  OverlayHeader.write(header, 0, {
    magic: MAGIC,
    version: VERSION,
    blockSize: OVERLAY_BLOCK_SIZE,
    size: BigInt(identity.base.size),
    baseIdentity: identity.base.identity,
    diskId: identity.diskId,
    bootId: new TextEncoder().encode(identity.bootId),
  });
  OverlayHeader.write(header, 0, { checksum: crc32c(header.subarray(0, CHECKED)) });
  return header;
}

/** Undefined when the bytes are no header in order: a file that was just made, or one torn by a power cut. Raises OVERLAY_VERSION. */
export function decodeOverlayHeader(source: Uint8Array, path: string): OverlayIdentity | undefined {
  if (source.length < OverlayHeader.size) return undefined;
  const header = OverlayHeader.view(source);
  if (!sameBytes(header.magic, MAGIC)) return undefined;
  if (crc32c(source.subarray(0, CHECKED)) !== header.checksum) return undefined;
  if (header.version !== VERSION || header.blockSize !== OVERLAY_BLOCK_SIZE) {
    throw new DisklessError(
      'OVERLAY_VERSION',
      `${path} has format ${header.version} with blocks of ${header.blockSize} bytes; this program knows format ${VERSION} with ${OVERLAY_BLOCK_SIZE}`,
      { hint: 'It was written by another release of diskless: open it with that one.' },
    );
  }
  return {
    base: { identity: header.baseIdentity.slice(), size: Number(header.size) },
    diskId: header.diskId.slice(),
    bootId: new TextDecoder().decode(header.bootId).replace(/\0+$/, ''),
  };
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
