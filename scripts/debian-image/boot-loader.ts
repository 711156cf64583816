/**
 * Puts GRUB onto a disk image for both firmwares.
 *
 * BIOS: what `grub-bios-setup` does for a BIOS boot partition, done on the image file itself, since that program insists on a block
 * device whose file system it can mount. UEFI: the removable-media path on a FAT file system, which every firmware tries.
 */
import type { FileHandle } from 'node:fs/promises';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../command.ts';
import { sectorSize } from '../disk-image/gpt.ts';

/** GRUB include/grub/i386/pc/boot.h: where boot.img keeps the first sector of core.img. */
const kernelSectorOffset = 0x5c;
/** The same file: a jump over the code that distrusts the drive number of buggy BIOSes; two NOPs switch that code on, as for every hard disk. */
const driveCheckOffset = 0x66;
/** Code of boot.img ends here; the disk's own signature and partition table follow. */
const bootCodeSize = 440;
/** GRUB boot/i386/pc/diskboot.S: the first sector of core.img ends in a list of sectors to load, whose first entry starts here. */
const blockListOffset = 500;

/** Writes boot.img to sector 0 and core.img to `start`, the first byte of a BIOS boot partition of `size` bytes. */
export async function installBiosLoader(disk: FileHandle, loaders: string, start: number, size: number): Promise<void> {
  const boot = await readFile(join(loaders, 'boot.img'));
  const core = await readFile(join(loaders, 'core.img'));
  if (core.length > size) throw new Error(`GRUB's core.img has ${core.length} bytes and its partition only ${size}`);
  const firstSector = BigInt(start / sectorSize);
  boot.writeBigUInt64LE(firstSector, kernelSectorOffset);
  boot.writeUInt16BE(0x9090, driveCheckOffset);
  core.writeBigUInt64LE(firstSector + 1n, blockListOffset);
  await disk.write(boot, 0, bootCodeSize, 0);
  await disk.write(core, 0, core.length, start);
}

/** Makes a FAT file system of `size` bytes at byte `start` of the image with `\EFI\BOOT\BOOTX64.EFI` in it. */
export async function installEfiLoader(imagePath: string, loaders: string, start: number, size: number): Promise<void> {
  const volume = `${imagePath}@@${start}`;
  // A FAT serial number of its own, instead of the time of day, keeps a rebuilt image the same.
  await runCommand('mformat', [
    '-i',
    volume,
    '-T',
    String(size / sectorSize),
    '-h',
    '64',
    '-s',
    '32',
    '-N',
    'd15c1e55',
    '-v',
    'ESP',
    '::',
  ]);
  await runCommand('mmd', ['-i', volume, '::/EFI', '::/EFI/BOOT']);
  await runCommand('mcopy', ['-i', volume, join(loaders, 'bootx64.efi'), '::/EFI/BOOT/BOOTX64.EFI']);
}
