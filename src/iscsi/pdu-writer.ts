/** Turns headers and data into the byte runs of whole PDUs: lengths, digests and padding filled in (RFC 7143 §11.2). */

import { crc32c, writeU24 } from '../bytes/index.ts';

const paddings = [new Uint8Array(0), new Uint8Array(1), new Uint8Array(2), new Uint8Array(3)] as const;

export interface PduDigests {
  readonly headerDigest: boolean;
  readonly dataDigest: boolean;
}

/**
 * Hands the parts of one PDU to `emit` in order; `header` (48 bytes) gets its DataSegmentLength. Nothing is copied: the parts must
 * stay as they are until they have left.
 */
export function writePdu(
  emit: (part: Uint8Array) => void,
  header: Uint8Array,
  data: readonly Uint8Array[],
  digests: PduDigests,
): void {
  let length = 0;
  for (const part of data) length += part.length;
  writeU24(header, 5, length);
  emit(header);
  if (digests.headerDigest) emit(digestBytes(crc32c(header)));
  if (length === 0) return;
  for (const part of data) emit(part);
  const padding = paddings[(-length & 3) as 0 | 1 | 2 | 3];
  if (padding.length > 0) emit(padding);
  if (!digests.dataDigest) return;
  let digest = 0;
  for (const part of data) digest = crc32c(part, digest);
  emit(digestBytes(crc32c(padding, digest)));
}

function digestBytes(digest: number): Uint8Array {
  return Uint8Array.of(digest, digest >>> 8, digest >>> 16, digest >>> 24);
}
