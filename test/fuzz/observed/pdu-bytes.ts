/** PDUs as bytes, by a second, plainer writer than the one under test: with additional headers, and with digests right or wrong. */

import { crc32c, writeU24 } from '../../../src/bytes/index.ts';

export interface Digests {
  readonly headerDigest: boolean;
  readonly dataDigest: boolean;
}

export interface PduBytesOptions {
  /** Additional header segments: a multiple of four bytes, up to 1020. */
  readonly ahs?: Uint8Array;
  readonly wrongHeaderDigest?: boolean;
  readonly wrongDataDigest?: boolean;
}

const WRONG = 0x5a;

export function pduBytes(
  header: Uint8Array,
  data: Uint8Array,
  digests: Digests,
  options: PduBytesOptions = {},
): Buffer {
  const { ahs = new Uint8Array(0) } = options;
  const head = Buffer.concat([header, ahs]);
  // A length that the header came with stays when there is nothing to say otherwise: it may be a lie on purpose.
  if (ahs.length > 0) head[4] = ahs.length / 4;
  writeU24(head, 5, data.length);
  const parts: Uint8Array[] = [head];
  if (digests.headerDigest) parts.push(digestOf(head, options.wrongHeaderDigest));
  if (data.length === 0) return Buffer.concat(parts);
  const padded = Buffer.concat([data, new Uint8Array(-data.length & 3)]);
  parts.push(padded);
  if (digests.dataDigest) parts.push(digestOf(padded, options.wrongDataDigest));
  return Buffer.concat(parts);
}

function digestOf(bytes: Uint8Array, isWrong = false): Buffer {
  const digest = Buffer.alloc(4);
  digest.writeUInt32LE((crc32c(bytes) ^ (isWrong ? WRONG : 0)) >>> 0);
  return digest;
}
