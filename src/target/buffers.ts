/** Runs of bytes in several buffers, cut without copying. */

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
