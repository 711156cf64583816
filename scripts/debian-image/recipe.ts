/** What the Debian image is made of. A change of anything in this folder gives another digest and so another image. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

export const suite = 'bookworm';

/** Installed from Debian's archive as they are. Nothing in them is patched. */
export const packages = [
  'linux-image-amd64',
  'initramfs-tools',
  // The initramfs decompresses faster by zstd than by gzip on an emulated processor.
  'zstd',
  'systemd-sysv',
  'udev',
  'kmod',
  'dbus',
  'open-iscsi',
  'iproute2',
  'iputils-ping',
  'e2fsprogs',
  'util-linux-extra',
  'grub-pc-bin',
  'grub-efi-amd64-bin',
] as const;

/** Folders of documentation that a machine without a person at it does not need; they are a third of the files. */
export const excludedPaths = [
  '/usr/share/doc/*',
  '/usr/share/man/*',
  '/usr/share/info/*',
  '/usr/share/locale/*',
] as const;

const mebibyte = 1024 * 1024;

/** Bytes. The image file is sparse: about half of it is data. */
export const layout = {
  diskSize: 1536 * mebibyte,
  biosBootStart: 1 * mebibyte,
  biosBootSize: 1 * mebibyte,
  efiSystemStart: 2 * mebibyte,
  efiSystemSize: 14 * mebibyte,
  rootStart: 16 * mebibyte,
} as const;

export const rootLabel = 'root';

/** Where `files/` lives: configuration that is copied over the installed packages. */
export const filesFolder = join(import.meta.dirname, 'files');

/** Names the image in the cache: the SHA-256 of every file in this folder, and of the table writer's. */
export async function recipeDigest(): Promise<string> {
  const hash = createHash('sha256');
  for (const folder of [import.meta.dirname, join(import.meta.dirname, '..', 'disk-image')]) {
    const files = await readdir(folder, { recursive: true, withFileTypes: true });
    const paths = files.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    for (const path of paths.sort()) {
      hash.update(`${relative(folder, path)}\0`).update(await readFile(path));
    }
  }
  return hash.digest('hex').slice(0, 16);
}
