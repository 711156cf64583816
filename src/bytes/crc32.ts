/** CRC-32 (ISO-HDLC), the checksum of GUID partition tables (UEFI 2.10 §5.3.2). */

const POLYNOMIAL = 0xedb8_8320; // 0x04C11DB7, reflected
const table = new Uint32Array(256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  table[byte] = crc;
}

export function crc32(data: Uint8Array): number {
  let crc = ~0;
  for (const byte of data) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 255] as number);
  return ~crc >>> 0;
}
