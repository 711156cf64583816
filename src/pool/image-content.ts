/** What a file holds, by the numbers that formats put at fixed places. */

/** Bytes from the start of a file that `recognise` wants to see: as far as the last of those places. */
export const HEAD_LENGTH = 68 * 1024;
/** Bytes from the end. */
export const TAIL_LENGTH = 512;

export type Content =
  /** A disk block for block; `what` says by what it was known. */
  | { readonly kind: 'raw'; readonly what: string; readonly blockSize: 512 | 4096 }
  /** A format of a virtual machine, as qemu-img names it. */
  | { readonly kind: 'virtual'; readonly format: string }
  /** Something packed, and the command that unpacks it. */
  | { readonly kind: 'packed'; readonly what: string; readonly unpack: string }
  | { readonly kind: 'unknown' };

interface Mark {
  readonly offset: number;
  /** Latin-1 text. */
  readonly magic: string;
}

const virtualFormats: readonly (Mark & { format: string })[] = [
  { format: 'qcow2', offset: 0, magic: 'QFI\xfb\0\0\0\x02' },
  { format: 'qcow2', offset: 0, magic: 'QFI\xfb\0\0\0\x03' },
  { format: 'qcow', offset: 0, magic: 'QFI\xfb\0\0\0\x01' },
  { format: 'vmdk', offset: 0, magic: 'KDMV' },
  { format: 'vmdk', offset: 0, magic: 'COWD' },
  { format: 'vmdk', offset: 0, magic: '# Disk DescriptorFile' },
  { format: 'vhdx', offset: 0, magic: 'vhdxfile' },
  { format: 'vpc', offset: 0, magic: 'conectix' },
  { format: 'vdi', offset: 64, magic: '\x7f\x10\xda\xbe' },
  { format: 'qed', offset: 0, magic: 'QED\0' },
  { format: 'parallels', offset: 0, magic: 'WithoutFreeSpace' },
  { format: 'parallels', offset: 0, magic: 'WithouFreSpacExt' },
];

const packedFormats: readonly (Mark & { what: string; unpack: string })[] = [
  { what: 'gzip', unpack: 'gunzip', offset: 0, magic: '\x1f\x8b' },
  { what: 'xz', unpack: 'unxz', offset: 0, magic: '\xfd7zXZ\0' },
  { what: 'zstd', unpack: 'unzstd', offset: 0, magic: '\x28\xb5\x2f\xfd' },
  { what: 'bzip2', unpack: 'bunzip2', offset: 0, magic: 'BZh' },
  { what: 'zip', unpack: 'unzip', offset: 0, magic: 'PK\x03\x04' },
  { what: '7z', unpack: '7z x', offset: 0, magic: '7z\xbc\xaf\x27\x1c' },
];

const fileSystems: readonly (Mark & { what: string })[] = [
  { what: 'ext file system', offset: 1080, magic: '\x53\xef' },
  { what: 'XFS', offset: 0, magic: 'XFSB' },
  { what: 'Btrfs', offset: 65600, magic: '_BHRfS_M' },
  { what: 'F2FS', offset: 1024, magic: '\x10\x20\xf5\xf2' },
  { what: 'SquashFS', offset: 0, magic: 'hsqs' },
  { what: 'ISO 9660', offset: 32769, magic: 'CD001' },
  { what: 'LVM', offset: 512, magic: 'LABELONE' },
  { what: 'LUKS', offset: 0, magic: 'LUKS\xba\xbe' },
];

const GPT = 'EFI PART';
const BOOT_SIGNATURE: Mark = { offset: 510, magic: '\x55\xaa' };

/** `head` and `tail` are the first and last bytes of the file, as many as there are. */
export function recognise(head: Uint8Array, tail: Uint8Array): Content {
  const virtual = virtualFormats.find((format) => has(head, format));
  if (virtual !== undefined) return { kind: 'virtual', format: virtual.format };
  // A fixed VHD is the plain disk with a footer after it.
  if (has(tail, { offset: 0, magic: 'conectix' })) return { kind: 'virtual', format: 'vpc' };
  if (has(head, { offset: 512, magic: GPT })) return { kind: 'raw', what: 'GPT', blockSize: 512 };
  // The header is in the second block: here of a disk with blocks of 4096 bytes.
  if (has(head, { offset: 4096, magic: GPT })) return { kind: 'raw', what: 'GPT', blockSize: 4096 };
  if (has(head, BOOT_SIGNATURE)) return { kind: 'raw', what: 'boot sector', blockSize: 512 };
  const packed = packedFormats.find((format) => has(head, format));
  if (packed !== undefined) return { kind: 'packed', what: packed.what, unpack: packed.unpack };
  const fileSystem = fileSystems.find((format) => has(head, format));
  if (fileSystem !== undefined) return { kind: 'raw', what: fileSystem.what, blockSize: 512 };
  return { kind: 'unknown' };
}

function has(bytes: Uint8Array, mark: Mark): boolean {
  for (let index = 0; index < mark.magic.length; index++) {
    if (bytes[mark.offset + index] !== mark.magic.charCodeAt(index)) return false;
  }
  return true;
}
