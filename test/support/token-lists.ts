/** Parameter lists of POPULATE TOKEN and WRITE USING TOKEN, written by hand: byte for byte as Windows lays them out. */

/** LBA and number of blocks. */
export type TokenRange = readonly [lba: number | bigint, blocks: number];

function rangeList(ranges: readonly TokenRange[]): Buffer {
  return Buffer.concat(
    ranges.map(([lba, blocks]) => {
      const descriptor = Buffer.alloc(16);
      descriptor.writeBigUInt64BE(BigInt(lba), 0);
      descriptor.writeUInt32BE(blocks, 8);
      return descriptor;
    }),
  );
}

export interface PopulateOptions {
  readonly flags?: number;
  readonly inactivityTimeout?: number;
  readonly rodType?: number;
}

export function populateList(ranges: readonly TokenRange[], options: PopulateOptions = {}): Buffer {
  const list = Buffer.concat([Buffer.alloc(16), rangeList(ranges)]);
  list.writeUInt16BE(list.length - 2, 0);
  list.writeUInt8((options.flags ?? 0) | (options.rodType === undefined ? 0 : 2), 2);
  list.writeUInt32BE(options.inactivityTimeout ?? 0, 4);
  list.writeUInt32BE(options.rodType ?? 0, 8);
  list.writeUInt16BE(ranges.length * 16, 14);
  return list;
}

export interface WriteOptions {
  readonly flags?: number;
  readonly offset?: number | bigint;
}

export function writeList(token: Uint8Array, ranges: readonly TokenRange[], options: WriteOptions = {}): Buffer {
  const list = Buffer.concat([Buffer.alloc(536), rangeList(ranges)]);
  list.writeUInt16BE(list.length - 2, 0);
  list.writeUInt8(options.flags ?? 0, 2);
  list.writeBigUInt64BE(BigInt(options.offset ?? 0), 8);
  list.set(token, 16);
  list.writeUInt16BE(ranges.length * 16, 534);
  return list;
}

/** The token that stands for zeros: everybody knows it. */
export function zeroToken(): Buffer {
  const token = Buffer.alloc(512);
  token.writeUInt32BE(0xffff_0001, 0);
  token.writeUInt16BE(0x01f8, 6);
  return token;
}
