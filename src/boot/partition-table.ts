/**
 * Partition tables as they lie on a disk: the MBR's four entries, and the GUID partition table (UEFI 2.10 §5) with its checksums.
 */

import { crc32 } from 'node:zlib';
import { bytes, layout, readU16, u8 } from '../bytes/index.ts';
import { u32le, u64le } from '../bytes/little-endian.ts';

export interface Partition {
  /** As Linux counts them, from 1. */
  readonly number: number;
  /** Bytes from the start of the disk. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
  /** A byte such as `83`, or a GUID. */
  readonly type: string;
  /** What the type is called; undefined for types that are not in the table. */
  readonly typeName: string | undefined;
  /** GPT's own label; empty on MBR disks. */
  readonly name: string;
  readonly bootable: boolean;
}

export interface PartitionTable {
  readonly kind: 'mbr' | 'gpt';
  readonly partitions: readonly Partition[];
  /** What is wrong with the table; the partitions are shown all the same where they can be read. */
  readonly problems: readonly string[];
}

const MbrEntry = layout('MBR partition entry', 16, {
  status: u8(0),
  type: u8(4),
  firstSector: u32le(8),
  sectors: u32le(12),
});
const MBR_ENTRIES_AT = 446;
const MBR_ENTRY_COUNT = 4;
const GPT_PROTECTIVE = 0xee;
const ACTIVE = 0x80;

const GptHeader = layout('GPT header', 92, {
  signature: bytes(0, 8),
  revision: u32le(8),
  headerSize: u32le(12),
  headerCrc32: u32le(16),
  myLba: u64le(24),
  alternateLba: u64le(32),
  firstUsableLba: u64le(40),
  lastUsableLba: u64le(48),
  diskGuid: bytes(56, 16),
  partitionEntryLba: u64le(72),
  numberOfPartitionEntries: u32le(80),
  sizeOfPartitionEntry: u32le(84),
  partitionEntryArrayCrc32: u32le(88),
});
const HEADER_CRC_AT = 16;

const GptEntry = layout('GPT entry', 128, {
  partitionTypeGuid: bytes(0, 16),
  uniquePartitionGuid: bytes(16, 16),
  startingLba: u64le(32),
  endingLba: u64le(40),
  attributes: u64le(48),
  partitionName: bytes(56, 72),
});
const LEGACY_BIOS_BOOTABLE = 1n << 2n;
const UNUSED_ENTRY = '00000000-0000-0000-0000-000000000000';

/** Entries of a table that is read: more than any tool makes, and a bound on what a broken header can ask for. */
const MAX_GPT_ENTRIES = 1024;
const MAX_GPT_ENTRY_SIZE = 4096;

const mbrTypes: Readonly<Record<number, string>> = {
  1: 'FAT12',
  4: 'FAT16',
  5: 'extended',
  6: 'FAT16',
  7: 'NTFS or exFAT',
  11: 'FAT32',
  12: 'FAT32 (LBA)',
  14: 'FAT16 (LBA)',
  15: 'extended (LBA)',
  130: 'Linux swap',
  131: 'Linux',
  142: 'Linux LVM',
  165: 'FreeBSD',
  166: 'OpenBSD',
  169: 'NetBSD',
  238: 'GPT protective',
  239: 'EFI System',
  253: 'Linux RAID',
};

const gptTypes: Readonly<Record<string, string>> = {
  'c12a7328-f81f-11d2-ba4b-00a0c93ec93b': 'EFI System',
  '21686148-6449-6e6f-744e-656564454649': 'BIOS boot',
  '0fc63daf-8483-4772-8e79-3d69d8477de4': 'Linux file system',
  '4f68bce3-e8cd-4db1-96e7-fbcaf984b709': 'Linux root (x86-64)',
  '44479540-f297-41b2-9af7-d131d5f0458a': 'Linux root (x86)',
  'b921b045-1df0-41c3-af44-4c6f280d3fae': 'Linux root (ARM64)',
  '0657fd6d-a4ab-43c4-84e5-0933c84b4f4f': 'Linux swap',
  'e6d6d379-f507-44c2-a23c-238f2a3df928': 'Linux LVM',
  'a19d880f-05fc-4d3b-a006-743f0f84911e': 'Linux RAID',
  '933ac7e1-2eb4-4f13-b844-0e14e2aef915': 'Linux home',
  'bc13c2ff-59e6-4262-a352-b275fd6f7172': 'Linux extended boot',
  'e3c9e316-0b5c-4db8-817d-f92df00215ae': 'Microsoft reserved',
  'ebd0a0a2-b9e5-4433-87c0-68b6b72699c7': 'Microsoft basic data',
  'de94bba4-06d1-4d40-a16a-bfd50179d6ac': 'Windows recovery',
  '516e7cb4-6ecf-11d6-8ff8-00022d09712b': 'FreeBSD',
  '83bd6b9d-7f41-11dc-be0b-001560b84f0f': 'FreeBSD boot',
  '516e7cb6-6ecf-11d6-8ff8-00022d09712b': 'FreeBSD UFS',
  '516e7cba-6ecf-11d6-8ff8-00022d09712b': 'FreeBSD ZFS',
};

/** Reads bytes of the disk: offset and length in bytes, within the disk. */
export type ReadDisk = (offset: number, length: number) => Promise<Uint8Array>;

export interface DiskShape {
  /** Bytes. */
  readonly size: number;
  /** Bytes. */
  readonly blockSize: number;
}

/** The table that the first block announces; undefined when there is none. */
export async function readPartitionTable(
  first: Uint8Array,
  disk: DiskShape,
  read: ReadDisk,
): Promise<PartitionTable | undefined> {
  if (!hasBootSignature(first)) return undefined;
  const entries = mbrEntries(first, disk);
  if (entries.some(({ type }) => type === typeByte(GPT_PROTECTIVE))) return readGpt(disk, read);
  const partitions = entries.filter(({ type, length }) => type !== '00' && length > 0);
  // A boot sector of a file system ends in the same signature, and has code where the entries would be.
  if (entries.some(({ number }) => !hasPlausibleStatus(first, number))) return undefined;
  if (partitions.length === 0) return undefined;
  const problems = partitions.filter((each) => each.offset + each.length > disk.size).map(beyondEnd);
  return { kind: 'mbr', partitions, problems };
}

/** 55h AAh at the end of the first 512 bytes: what a BIOS asks of a boot sector. */
export function hasBootSignature(first: Uint8Array): boolean {
  return first.length >= 512 && readU16(first, 510) === 0x55aa;
}

function hasPlausibleStatus(first: Uint8Array, number: number): boolean {
  const { status } = MbrEntry.view(first, MBR_ENTRIES_AT + (number - 1) * MbrEntry.size);
  return status === 0 || status === ACTIVE;
}

function mbrEntries(first: Uint8Array, disk: DiskShape): Partition[] {
  return Array.from({ length: MBR_ENTRY_COUNT }, (_, index) => {
    const entry = MbrEntry.view(first, MBR_ENTRIES_AT + index * MbrEntry.size);
    return {
      number: index + 1,
      offset: entry.firstSector * disk.blockSize,
      length: entry.sectors * disk.blockSize,
      type: typeByte(entry.type),
      typeName: mbrTypes[entry.type],
      name: '',
      bootable: entry.status === ACTIVE,
    };
  });
}

function typeByte(type: number): string {
  return type.toString(16).padStart(2, '0');
}

/** The primary table; when it is broken, the copy at the end of the disk, as UEFI 2.10 §5.3.2 asks. */
async function readGpt(disk: DiskShape, read: ReadDisk): Promise<PartitionTable> {
  const primary = await readGptAt(1, disk, read);
  if (typeof primary !== 'string') return primary;
  const problems = [`the primary GPT is broken: ${primary}`];
  const copy = await readGptAt(Math.floor(disk.size / disk.blockSize) - 1, disk, read);
  if (typeof copy === 'string') {
    return { kind: 'gpt', partitions: [], problems: [...problems, `the backup GPT is broken: ${copy}`] };
  }
  return { ...copy, problems: [...problems, ...copy.problems] };
}

/** The table whose header is in block `lba`, or what is wrong with it. */
async function readGptAt(lba: number, disk: DiskShape, read: ReadDisk): Promise<PartitionTable | string> {
  const { blockSize, size } = disk;
  if ((lba + 1) * blockSize > size) return 'it lies beyond the end of the disk';
  const block = await read(lba * blockSize, blockSize);
  const header = GptHeader.view(block);
  if (text(header.signature, 'latin1') !== 'EFI PART') return 'no "EFI PART" signature';
  const { headerSize, numberOfPartitionEntries: count, sizeOfPartitionEntry: entrySize } = header;
  if (headerSize < GptHeader.size || headerSize > blockSize) return `a header of ${headerSize} bytes`;
  if (headerCrc(block, headerSize) !== header.headerCrc32) return 'the checksum of its header is wrong';
  if (header.myLba !== BigInt(lba)) return `its header says that it belongs in block ${header.myLba}`;
  if (count > MAX_GPT_ENTRIES || entrySize < GptEntry.size || entrySize > MAX_GPT_ENTRY_SIZE) {
    return `${count} entries of ${entrySize} bytes`;
  }
  if (count === 0) return { kind: 'gpt', partitions: [], problems: ['it has no entries'] };
  const at = Number(header.partitionEntryLba) * blockSize;
  const length = Math.ceil((count * entrySize) / blockSize) * blockSize;
  if (at + length > size) return 'its entries lie beyond the end of the disk';
  const entries = (await read(at, length)).subarray(0, count * entrySize);
  if (crc32(entries) !== header.partitionEntryArrayCrc32) return 'the checksum of its entries is wrong';
  const partitions = gptPartitions(entries, entrySize, blockSize);
  return {
    kind: 'gpt',
    partitions,
    problems: partitions.filter((each) => each.offset + each.length > size).map(beyondEnd),
  };
}

/** The checksum is taken with its own field zero, in a copy: what a device gave must stay as it is. */
function headerCrc(block: Uint8Array, headerSize: number): number {
  const header = new Uint8Array(block.subarray(0, headerSize));
  header.fill(0, HEADER_CRC_AT, HEADER_CRC_AT + 4);
  return crc32(header);
}

function gptPartitions(entries: Uint8Array, entrySize: number, blockSize: number): Partition[] {
  const partitions: Partition[] = [];
  for (let index = 0; (index + 1) * entrySize <= entries.length; index++) {
    const entry = GptEntry.view(entries, index * entrySize);
    const type = guidText(entry.partitionTypeGuid);
    if (type === UNUSED_ENTRY) continue;
    const blocks = Number(entry.endingLba - entry.startingLba) + 1;
    partitions.push({
      number: index + 1,
      offset: Number(entry.startingLba) * blockSize,
      length: blocks * blockSize,
      type,
      typeName: gptTypes[type],
      name: text(entry.partitionName, 'utf-16le').replace(/\0.*$/s, ''),
      bootable: (entry.attributes & LEGACY_BIOS_BOOTABLE) !== 0n,
    });
  }
  return partitions;
}

function beyondEnd(partition: Partition): string {
  return `partition ${partition.number} reaches beyond the end of the disk`;
}

/** The first three fields of a GUID are little-endian on disk (UEFI 2.10 appendix A). */
function guidText(guid: Uint8Array): string {
  const hex = (from: number, to: number) =>
    Array.from(guid.subarray(from, to), (byte) => byte.toString(16).padStart(2, '0'));
  const swapped = (from: number, to: number) => hex(from, to).reverse().join('');
  return [swapped(0, 4), swapped(4, 6), swapped(6, 8), hex(8, 10).join(''), hex(10, 16).join('')].join('-');
}

function text(field: Uint8Array, encoding: 'latin1' | 'utf-16le'): string {
  return new TextDecoder(encoding).decode(field);
}
