/** Runs of bytes that lie in several buffers. */

/** Bytes in all of them together. */
export function totalLength(pieces: readonly Uint8Array[]): number {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  return length;
}

/** The whole run: the buffer itself when there is just one, else a copy of all. */
export function inOnePiece(pieces: readonly Uint8Array[]): Uint8Array {
  const [only] = pieces;
  return only !== undefined && pieces.length === 1 ? only : Buffer.concat(pieces);
}
