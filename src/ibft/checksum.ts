/** The checksum of an ACPI table. */

/** Makes the sum of `bytes` and itself 0 modulo 256. */
export function checksumFor(bytes: Uint8Array): number {
  return -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff;
}
