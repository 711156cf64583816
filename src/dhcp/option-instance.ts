/** One option on the wire: code, length and value, in as many instances as the value needs (RFC 2132 §2, RFC 3396 §7). */

const longestInstance = 255;

/** The code behind the last option (RFC 2132 §3.2). */
export const endOfOptions = 255;

/** Most values are of so few bytes that a call costs more than the bytes. */
export const fewBytes = 16;

/** Bytes that a value of `length` bytes takes: two more for each instance of at most 255. */
export function encodedLength(length: number): number {
  return length <= longestInstance ? length + 2 : length + 2 * Math.ceil(length / longestInstance);
}

/** Writes one option at `at` in as many instances as it needs; gives the first byte after it. */
export function writeOption(into: Uint8Array, at: number, code: number, value: Uint8Array): number {
  if (value.length <= longestInstance) {
    into[at] = code;
    into[at + 1] = value.length;
    if (value.length > fewBytes) into.set(value, at + 2);
    else for (let index = 0; index < value.length; index++) into[at + 2 + index] = value[index] as number;
    return at + 2 + value.length;
  }
  let from = 0;
  let position = at;
  do {
    const piece = value.subarray(from, from + longestInstance);
    into[position] = code;
    into[position + 1] = piece.length;
    into.set(piece, position + 2);
    position += 2 + piece.length;
    from += piece.length;
  } while (from < value.length);
  return position;
}
