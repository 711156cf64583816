/**
 * A part of some bytes, without a copy: what `subarray` gives, which asks the constructor of the bytes what to make of them, and takes
 * more than twice as long as the making. Every command has a handful of such parts.
 */
export function partOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
}

/** Bytes that lie in a memory of their own, which is given: who has that need not ask an array for it to make a part. */
export function memoryOf(bytes: Uint8Array): ArrayBufferLike {
  const isAlone = bytes.byteOffset === 0 && bytes.length === bytes.buffer.byteLength;
  return isAlone ? bytes.buffer : new Uint8Array(bytes).buffer;
}
