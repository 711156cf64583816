/** Random values of the kinds that break parsers: edges, powers of two, near misses; and ways to damage bytes. */

import type { Random } from '../../support/random.ts';

const edges = [
  0, 1, 2, 3, 4, 7, 8, 31, 47, 48, 255, 256, 511, 512, 513, 4096, 8192, 65_535, 65_536, 262_144, 0xff_ffff,
] as const;
const wideEdges = [0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff] as const;

/** 0 to 2^32 - 1, mostly where something changes. */
export function anyU32(random: Random): number {
  const kind = random.below(8);
  if (kind < 4) return random.pick(edges);
  if (kind === 4) return random.pick(wideEdges);
  if (kind === 5) return (2 ** random.below(32) + random.below(3) - 1) >>> 0;
  if (kind === 6) return random.below(2 ** 32);
  return random.below(1024);
}

/** Near a value that would be right. */
export function near(random: Random, value: number): number {
  const kind = random.below(8);
  if (kind < 5) return value;
  if (kind === 5) return (value + random.below(5) - 2) >>> 0;
  return anyU32(random);
}

export function randomBytes(random: Random, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  const style = random.below(4);
  if (style === 0) return bytes.fill(0);
  if (style === 1) return bytes.fill(random.below(256));
  for (let at = 0; at < length; at++) bytes[at] = random.below(256);
  return bytes;
}

/**
 * A copy with one to four injuries: bits, bytes, runs overwritten, cut out, doubled or put in; numbers of two and four bytes (lengths
 * and counts are) made a little or much too large or small; longer pieces doubled, moved and cut out, as whole options are.
 */
export function damaged(random: Random, source: Uint8Array): Buffer {
  let bytes = Buffer.from(source);
  for (let left = 1 + random.below(4); left > 0; left--) {
    const at = random.below(bytes.length + 1);
    const run = 1 + random.below(8);
    switch (random.below(9)) {
      case 0:
      case 1:
        if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
        break;
      case 2:
        if (at < bytes.length) bytes[at] = random.pick([0, 1, 0x7f, 0x80, 0xff]);
        break;
      case 3:
        bytes.fill(random.below(256), at, Math.min(bytes.length, at + run));
        break;
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + run)]);
        break;
      case 5:
        bytes = Buffer.concat([bytes.subarray(0, at), randomBytes(random, run), bytes.subarray(at)]);
        break;
      case 6:
      case 7:
        changeNumber(random, bytes, at);
        break;
      default:
        bytes = rearranged(random, bytes, at);
    }
  }
  return bytes;
}

function changeNumber(random: Random, bytes: Buffer, at: number): void {
  const length = random.pick([2, 4]);
  if (at + length > bytes.length) return;
  const value = bytes.readUIntBE(at, length);
  const changed = random.oneIn(2) ? anyU32(random) : value + random.below(9) - 4;
  bytes.writeUIntBE((changed >>> 0) % 2 ** (8 * length), at, length);
}

function rearranged(random: Random, bytes: Buffer<ArrayBuffer>, at: number): Buffer<ArrayBuffer> {
  const end = at + random.below(1 + Math.min(64, bytes.length - at));
  const [before, piece, after] = [bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(end)];
  const to = random.below(after.length + 1);
  switch (random.below(3)) {
    case 0:
      return Buffer.concat([before, piece, piece, after]);
    case 1:
      return Buffer.concat([before, after.subarray(0, to), piece, after.subarray(to)]);
    default:
      return Buffer.concat([before, after]);
  }
}
