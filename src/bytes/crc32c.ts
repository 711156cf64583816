/**
 * CRC-32C (Castagnoli), the digest of iSCSI (RFC 7143 §13.1) and of this project's own files. Slicing by 16: sixteen tables let
 * one step take sixteen bytes, which in V8 is four times as fast as one table.
 */

const POLYNOMIAL = 0x82f6_3b78; // 0x1EDC6F41, reflected
const SLICES = 16;
const tables = buildTables();

function buildTables(): Uint32Array {
  const result = new Uint32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    result[byte] = crc;
  }
  for (let slice = 1; slice < SLICES; slice++) {
    for (let byte = 0; byte < 256; byte++) {
      const shorter = result[(slice - 1) * 256 + byte] as number;
      result[slice * 256 + byte] = (shorter >>> 8) ^ (result[shorter & 255] as number);
    }
  }
  return result;
}

/** The digest of `data`; `previous` is the digest of what came before it, for data in several pieces. */
export function crc32c(data: Uint8Array, previous = 0): number {
  const t = tables;
  const length = data.length;
  let crc = ~previous;
  let i = 0;
  for (const end = length - 15; i < end; i += 16) {
    crc =
      (t[3840 + (((crc & 255) ^ (data[i] as number)) & 255)] as number) ^
      (t[3584 + ((((crc >>> 8) & 255) ^ (data[i + 1] as number)) & 255)] as number) ^
      (t[3328 + ((((crc >>> 16) & 255) ^ (data[i + 2] as number)) & 255)] as number) ^
      (t[3072 + (((crc >>> 24) ^ (data[i + 3] as number)) & 255)] as number) ^
      (t[2816 + (data[i + 4] as number)] as number) ^
      (t[2560 + (data[i + 5] as number)] as number) ^
      (t[2304 + (data[i + 6] as number)] as number) ^
      (t[2048 + (data[i + 7] as number)] as number) ^
      (t[1792 + (data[i + 8] as number)] as number) ^
      (t[1536 + (data[i + 9] as number)] as number) ^
      (t[1280 + (data[i + 10] as number)] as number) ^
      (t[1024 + (data[i + 11] as number)] as number) ^
      (t[768 + (data[i + 12] as number)] as number) ^
      (t[512 + (data[i + 13] as number)] as number) ^
      (t[256 + (data[i + 14] as number)] as number) ^
      (t[data[i + 15] as number] as number);
  }
  for (; i < length; i++) crc = (crc >>> 8) ^ (t[(crc ^ (data[i] as number)) & 255] as number);
  return ~crc >>> 0;
}
