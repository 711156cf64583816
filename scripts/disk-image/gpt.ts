/**
 * Writes a GUID partition table (UEFI 2.10 §5) with its protective MBR onto a disk image, so that an image needs neither
 * a loop device nor a partitioning program.
 */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';

export const sectorSize = 512;

/** UEFI 2.10 §5.3.3 and the types registered beside it. */
export const partitionTypes = {
  biosBoot: '21686148-6449-6e6f-744e-656564454649',
  efiSystem: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b',
  linuxFileSystem: '0fc63daf-8483-4772-8e79-3d69d8477de4',
} as const;

export interface Partition {
  readonly type: string;
  readonly name: string;
  /** First sector. */
  readonly start: number;
  /** Number of sectors. */
  readonly length: number;
}

const entrySize = 128;
const entryCount = 128;
const entrySectors = (entrySize * entryCount) / sectorSize;
/** Both tables: a header and its entries. */
const tableSectors = 1 + entrySectors;

/** Writes both copies of the table. `seed` names the disk: the same seed gives the same GUIDs, so a build can be repeated. */
export async function writePartitionTable(
  disk: FileHandle,
  sectors: number,
  partitions: readonly Partition[],
  seed: string,
): Promise<void> {
  const entries = Buffer.alloc(entrySize * entryCount);
  for (const [index, partition] of partitions.entries()) {
    writeEntry(entries.subarray(index * entrySize), partition, `${seed}/${partition.name}`);
  }
  const header = (own: number, other: number, firstEntry: number) =>
    tableHeader({ own, other, firstEntry, sectors, entries, seed });
  const last = sectors - 1;
  await disk.write(protectiveMbr(sectors), 0, sectorSize, 0);
  await disk.write(header(1, last, 2), 0, sectorSize, sectorSize);
  await disk.write(entries, 0, entries.length, 2 * sectorSize);
  await disk.write(entries, 0, entries.length, (last - entrySectors) * sectorSize);
  await disk.write(header(last, 1, last - entrySectors), 0, sectorSize, last * sectorSize);
}

/** UEFI 2.10 §5.2.3: one partition of type EEh over the whole disk, so that old tools keep their hands off. */
function protectiveMbr(sectors: number): Buffer {
  const mbr = Buffer.alloc(sectorSize);
  mbr.writeUInt8(0, 446);
  mbr.set([0x00, 0x02, 0x00], 447);
  mbr.writeUInt8(0xee, 450);
  mbr.set([0xff, 0xff, 0xff], 451);
  mbr.writeUInt32LE(1, 454);
  mbr.writeUInt32LE(Math.min(sectors - 1, 0xffffffff), 458);
  mbr.writeUInt16LE(0xaa55, 510);
  return mbr;
}

/** UEFI 2.10 §5.3.2. */
function tableHeader(table: {
  own: number;
  other: number;
  firstEntry: number;
  sectors: number;
  entries: Buffer;
  seed: string;
}): Buffer {
  const header = Buffer.alloc(sectorSize);
  header.write('EFI PART', 0, 'latin1');
  header.writeUInt32LE(0x00010000, 8);
  header.writeUInt32LE(92, 12);
  header.writeBigUInt64LE(BigInt(table.own), 24);
  header.writeBigUInt64LE(BigInt(table.other), 32);
  header.writeBigUInt64LE(BigInt(1 + tableSectors), 40);
  header.writeBigUInt64LE(BigInt(table.sectors - tableSectors - 1), 48);
  header.set(guidBytes(guidFrom(table.seed)), 56);
  header.writeBigUInt64LE(BigInt(table.firstEntry), 72);
  header.writeUInt32LE(entryCount, 80);
  header.writeUInt32LE(entrySize, 84);
  header.writeUInt32LE(crc32(table.entries), 88);
  // The header's own checksum is computed with its field zero.
  header.writeUInt32LE(crc32(header.subarray(0, 92)), 16);
  return header;
}

/** UEFI 2.10 §5.3.3. */
function writeEntry(entry: Buffer, partition: Partition, seed: string): void {
  entry.set(guidBytes(partition.type), 0);
  entry.set(guidBytes(guidFrom(seed)), 16);
  entry.writeBigUInt64LE(BigInt(partition.start), 32);
  entry.writeBigUInt64LE(BigInt(partition.start + partition.length - 1), 40);
  entry.write(partition.name, 56, 72, 'utf16le');
}

/** A GUID with the bits of a name-based one (RFC 9562 §5.8), always the same for the same seed. */
function guidFrom(seed: string): string {
  const bytes = createHash('sha256').update(seed).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** The first three fields of a GUID are little-endian on disk (UEFI 2.10 Appendix A). */
function guidBytes(guid: string): Buffer {
  const bytes = Buffer.from(guid.replaceAll('-', ''), 'hex');
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}
