/** Runs of bytes: cut without copying, and compared. */

/** The first `length` bytes of `parts`, which has at least as many. */
export function takeBytes(parts: readonly Uint8Array[], length: number): readonly Uint8Array[] {
  const result: Uint8Array[] = [];
  let left = length;
  for (const part of parts) {
    if (left === 0) break;
    const piece = part.length > left ? part.subarray(0, left) : part;
    result.push(piece);
    left -= piece.length;
  }
  return result;
}

/** Compares `medium` with `expected`, which repeats, from `start` on: the offset of the first difference in `medium`, or -1. */
export function firstDifference(medium: Uint8Array, expected: Uint8Array, start: number): number {
  if (expected.length === 0) return -1;
  for (let at = 0; at < medium.length; ) {
    const from = (start + at) % expected.length;
    const length = Math.min(expected.length - from, medium.length - at);
    const left = medium.subarray(at, at + length);
    const right = expected.subarray(from, from + length);
    if (Buffer.compare(left, right) !== 0) return at + left.findIndex((byte, index) => byte !== right[index]);
    at += length;
  }
  return -1;
}
