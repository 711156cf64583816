/** Which file system, or other known content, starts at a place on a disk: by the marks that each leaves at a fixed place. */

export interface FileSystem {
  readonly kind: string;
  /** The label that its owner gave it; empty when it has none. */
  readonly label: string;
}

/** Bytes from the start that hold all the marks below. */
export const FILE_SYSTEM_PROBE_LENGTH = 68 * 1024;

interface Mark {
  readonly kind: string;
  readonly at: number;
  readonly magic: string;
  readonly label?: readonly [at: number, length: number];
}

/** Magic numbers as Latin-1 text. More exact marks come before those that they contain. */
const marks: readonly Mark[] = [
  { kind: 'LUKS', at: 0, magic: 'LUKS\xba\xbe' },
  { kind: 'XFS', at: 0, magic: 'XFSB', label: [108, 12] },
  { kind: 'squashfs', at: 0, magic: 'hsqs' },
  { kind: 'NTFS', at: 3, magic: 'NTFS    ' },
  { kind: 'exFAT', at: 3, magic: 'EXFAT   ' },
  { kind: 'FAT32', at: 82, magic: 'FAT32   ', label: [71, 11] },
  { kind: 'FAT16', at: 54, magic: 'FAT16   ', label: [43, 11] },
  { kind: 'FAT12', at: 54, magic: 'FAT12   ', label: [43, 11] },
  { kind: 'LVM', at: 512, magic: 'LABELONE' },
  { kind: 'f2fs', at: 1024, magic: '\x10\x20\xf5\xf2' },
  { kind: 'swap', at: 4086, magic: 'SWAPSPACE2', label: [1052, 16] },
  { kind: 'ISO 9660', at: 32_769, magic: 'CD001', label: [32_808, 32] },
  { kind: 'btrfs', at: 65_600, magic: '_BHRfS_M', label: [65_835, 256] },
];

const EXT_SUPERBLOCK = 1024;
const EXT_MAGIC = '\x53\xef';
/** Feature bits that only ext4, or ext3 and ext4, have (Linux fs/ext4/ext4.h). */
const EXT_HAS_JOURNAL = 0x4;
const EXT4_INCOMPATIBLE = 0x40 | 0x80 | 0x200;

/** `start`: up to FILE_SYSTEM_PROBE_LENGTH bytes. Undefined when nothing is recognised. */
export function recognizeFileSystem(start: Uint8Array): FileSystem | undefined {
  const ext = recognizeExt(start);
  if (ext !== undefined) return ext;
  const mark = marks.find(({ at, magic }) => latin1(start, at, magic.length) === magic);
  if (mark === undefined) return undefined;
  return { kind: mark.kind, label: mark.label === undefined ? '' : labelAt(start, ...mark.label) };
}

function recognizeExt(start: Uint8Array): FileSystem | undefined {
  if (latin1(start, EXT_SUPERBLOCK + 56, 2) !== EXT_MAGIC) return undefined;
  const compatible = start[EXT_SUPERBLOCK + 92] ?? 0;
  const incompatible = (start[EXT_SUPERBLOCK + 96] ?? 0) | ((start[EXT_SUPERBLOCK + 97] ?? 0) << 8);
  const older = (compatible & EXT_HAS_JOURNAL) !== 0 ? 'ext3' : 'ext2';
  const kind = (incompatible & EXT4_INCOMPATIBLE) !== 0 ? 'ext4' : older;
  return { kind, label: labelAt(start, EXT_SUPERBLOCK + 120, 16) };
}

function labelAt(start: Uint8Array, at: number, length: number): string {
  const label = latin1(start, at, length).replace(/\0.*$/s, '').trim();
  return label === 'NO NAME' ? '' : label;
}

function latin1(from: Uint8Array, at: number, length: number): string {
  return Array.from(from.subarray(at, at + length), (byte) => String.fromCharCode(byte)).join('');
}
