/** The Range header of HTTP (RFC 9110 §14): a single range of bytes, which is all that firmware asks for. */

export interface ByteRange {
  readonly first: number;
  /** Belongs to the range. */
  readonly last: number;
}

/**
 * The range of a representation of `size` bytes. Undefined: no range, or one in a form that may be ignored (RFC 9110 §14.2), so that
 * everything is sent. `unsatisfiable`: nothing of it exists.
 */
export function parseByteRange(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  // A list may have empty elements (RFC 9110 §5.6.1).
  const match = /^bytes=[\s,]*(\d*)-(\d*)[\s,]*$/i.exec(header?.trim() ?? '');
  const [, from = '', to = ''] = match ?? [];
  if (match === null || (from === '' && to === '')) return undefined;
  if (from === '') return suffix(Number(to), size);
  const first = Number(from);
  const last = to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (to !== '' && Number(to) < first) return undefined;
  return first >= size ? 'unsatisfiable' : { first, last };
}

function suffix(length: number, size: number): ByteRange | 'unsatisfiable' {
  if (length === 0 || size === 0) return 'unsatisfiable';
  return { first: Math.max(0, size - length), last: size - 1 };
}
