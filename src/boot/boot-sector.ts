/** What a firmware finds when it looks at a disk: boot code, a partition table, and what the partitions hold. */

import type { Device } from '../block/device.ts';
import { inOnePiece } from '../bytes/index.ts';
import { FILE_SYSTEM_PROBE_LENGTH, type FileSystem, recognizeFileSystem } from './file-system.ts';
import {
  hasBootSignature,
  type Partition,
  type PartitionTable,
  type ReadDisk,
  readPartitionTable,
} from './partition-table.ts';

export interface DescribedPartition extends Partition {
  readonly fileSystem: FileSystem | undefined;
}

export interface DiskDescription {
  /** The first 512 bytes end in 55h AAh. */
  readonly bootSignature: boolean;
  /** Who wrote the code in the first block; `unknown` when it is nobody we know, undefined when there is none. */
  readonly bootCode: string | undefined;
  readonly table: { readonly kind: PartitionTable['kind']; readonly problems: readonly string[] } | undefined;
  readonly partitions: readonly DescribedPartition[];
  /** A file system on the whole disk, without a partition table. */
  readonly fileSystem: FileSystem | undefined;
  /** How a firmware could start it. */
  readonly bootableBy: readonly ('BIOS' | 'UEFI')[];
}

/** Texts that boot code carries, mostly its error messages. */
const bootCodes: readonly (readonly [string, string])[] = [
  ['GRUB', 'GRUB'],
  ['isolinux.bin', 'ISOLINUX'],
  ['SYSLINUX', 'SYSLINUX'],
  ['Operating system load error', 'SYSLINUX'],
  ['LILO', 'LILO'],
  ['BOOTMGR', 'Windows'],
  ['NTLDR', 'Windows'],
  ['Error loading operating system', 'Windows'],
  ['iPXE', 'iPXE'],
  ['FreeBSD', 'FreeBSD'],
  ['/boot/loader', 'FreeBSD'],
  ['Missing operating system', 'generic MBR'],
];
/** Where code ends and the table begins. */
const CODE_LENGTH = 440;
const EFI_SYSTEM = new Set(['c12a7328-f81f-11d2-ba4b-00a0c93ec93b', 'ef']);
/** Partitions whose content is looked at. */
const MAX_PROBED_PARTITIONS = 32;

/** Reads what it needs, first blocks first. Raises what the device raises. */
export async function describeDisk(device: Device): Promise<DiskDescription> {
  const read: ReadDisk = async (offset, length) => inOnePiece(await device.read(offset, length));
  const probe = (offset: number, length: number) => {
    const wanted = Math.min(FILE_SYSTEM_PROBE_LENGTH, length, device.size - offset);
    return read(offset, Math.floor(wanted / device.blockSize) * device.blockSize);
  };
  const first = await probe(0, device.size);
  const table = await readPartitionTable(first, device, read);
  const partitions: DescribedPartition[] = [];
  for (const partition of table?.partitions ?? []) {
    const readable = partitions.length < MAX_PROBED_PARTITIONS && isWithin(partition, device);
    const fileSystem = readable ? recognizeFileSystem(await probe(partition.offset, partition.length)) : undefined;
    partitions.push({ ...partition, fileSystem });
  }
  const bootSignature = hasBootSignature(first);
  const bootCode = recognizeBootCode(first);
  return {
    bootSignature,
    bootCode,
    table: table && { kind: table.kind, problems: table.problems },
    partitions,
    fileSystem: table === undefined ? recognizeFileSystem(first) : undefined,
    bootableBy: [
      ...(bootSignature && bootCode !== undefined ? (['BIOS'] as const) : []),
      ...(partitions.some(({ type }) => EFI_SYSTEM.has(type)) ? (['UEFI'] as const) : []),
    ],
  };
}

function recognizeBootCode(first: Uint8Array): string | undefined {
  const code = first.subarray(0, CODE_LENGTH);
  if (code.every((byte) => byte === 0)) return undefined;
  const text = new TextDecoder('latin1').decode(code);
  return bootCodes.find(([mark]) => text.includes(mark))?.[1] ?? 'unknown';
}

function isWithin(partition: Partition, device: Device): boolean {
  return partition.offset >= 0 && partition.length > 0 && partition.offset + partition.length <= device.size;
}
