/** What the Debian image is made of. */
import { join } from 'node:path';
import { documentationPaths, type TreeRecipe } from '../debian/tree.ts';

/** The folder inside the tree where grub-mkimage leaves the loaders for `boot-loader.ts`. */
export const loadersFolder = 'boot/grub/loaders';

const packages = [
  'linux-image-amd64',
  'initramfs-tools',
  // The initramfs decompresses faster by zstd than by gzip on an emulated processor.
  'zstd',
  'systemd-sysv',
  'udev',
  'kmod',
  'dbus',
  'open-iscsi',
  // For machines that are booted over IPv6.
  'dhcpcd-base',
  'iproute2',
  'iputils-ping',
  'e2fsprogs',
  'util-linux-extra',
  'grub-pc-bin',
  'grub-efi-amd64-bin',
] as const;

const biosModules = [
  'biosdisk',
  'part_gpt',
  'ext2',
  'search',
  'search_label',
  'normal',
  'linux',
  'serial',
  'terminal',
  'echo',
  'configfile',
];
const efiModules = biosModules.filter((name) => name !== 'biosdisk');

export const tree: TreeRecipe = {
  packages,
  excludedPaths: documentationPaths,
  filesFolder: join(import.meta.dirname, 'files'),
  finish: [
    'chroot "$1" systemctl enable diskless-proof.service iscsid.service',
    // A scrub of LVM snapshots that this image has none of: multi-user would wait for it.
    'chroot "$1" systemctl disable e2scrub_reap.service',
    'chroot "$1" systemctl set-default multi-user.target',
    'chroot "$1" passwd --delete root',
    `mkdir -p "$1/${loadersFolder}"`,
    `chroot "$1" grub-mkimage -O i386-pc -o /${loadersFolder}/core.img -p /boot/grub -c /boot/grub/early.cfg ${biosModules.join(' ')}`,
    `chroot "$1" grub-mkimage -O x86_64-efi -o /${loadersFolder}/bootx64.efi -p /boot/grub -c /boot/grub/early.cfg ${efiModules.join(' ')}`,
    `cp "$1/usr/lib/grub/i386-pc/boot.img" "$1/${loadersFolder}/"`,
  ],
};

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
