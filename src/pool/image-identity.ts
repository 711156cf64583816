/**
 * The identity of an image: a SHA-256 over its size and the SHA-256 of each of its chunks of 1 MiB.
 *
 *     SHA-256( "diskless image 1\n" | size, 64 bits big-endian | SHA-256(chunk 0) | SHA-256(chunk 1) | ... )
 *
 * It follows from the content alone. A chunk that is a hole has the digest of its zeros, which is computed once, so that a large
 * image that is mostly holes is identified as fast as its data is read; and chunks are digested in the thread pool, side by side.
 */

import { createHash, webcrypto } from 'node:crypto';
import type { Device } from '../block/device.ts';
import { DisklessError, inOnePiece, writeU64 } from '../bytes/index.ts';

const CHUNK = 1024 * 1024;
/** Chunks in work at once. */
const ABREAST = 4;

export interface IdentifyOptions {
  /** 0 to 1. */
  readonly progress?: (fraction: number) => void;
  readonly signal?: AbortSignal;
}

/** 64 hex digits. Raises DEVICE_IO, IMAGE_ABORTED. */
export async function identify(device: Device, options: IdentifyOptions = {}): Promise<string> {
  const hash = createHash('sha256').update('diskless image 1\n').update(sizeField(device.size));
  const zeroDigest = await digest(new Uint8Array(CHUNK));
  for (let offset = 0; offset < device.size; offset += ABREAST * CHUNK) {
    if (options.signal?.aborted)
      throw new DisklessError('IMAGE_ABORTED', 'reading the image was ended before it was done');
    const end = Math.min(device.size, offset + ABREAST * CHUNK);
    const digests: Promise<Uint8Array>[] = [];
    for (let at = offset; at < end; at += CHUNK)
      digests.push(digestChunk(device, at, Math.min(CHUNK, end - at), zeroDigest));
    for (const chunk of await Promise.all(digests)) hash.update(chunk);
    options.progress?.(end / device.size);
  }
  return hash.digest('hex');
}

async function digestChunk(
  device: Device,
  offset: number,
  length: number,
  zeroDigest: Uint8Array,
): Promise<Uint8Array> {
  if (length === CHUNK) {
    const extents = await device.extents(offset, length);
    if (extents.every((extent) => extent.zero)) return zeroDigest;
  }
  return digest(inOnePiece(await device.read(offset, length)));
}

async function digest(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await webcrypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>));
}

function sizeField(size: number): Uint8Array {
  const bytes = new Uint8Array(8);
  writeU64(bytes, 0, BigInt(size));
  return bytes;
}
