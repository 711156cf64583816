/**
 * A part of some bytes, without a copy: what `subarray` gives, which asks the constructor of the bytes what to make of them, and takes
 * more than twice as long as the making. Every command has a handful of such parts.
 */
export function partOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
}

/** The same for what goes to a socket of Node: it would make a Buffer of it otherwise. */
export function bufferPartOf(bytes: Uint8Array, start: number, end: number): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
}
