/**
 * What the guest is made of: Debian's kernel, and an initramfs that is its whole system. Debian's own tools make it;
 * `files/etc/initramfs-tools/hooks/initiator-guest` says which programs go in.
 */
import { join } from 'node:path';
import { documentationPaths, type TreeRecipe } from '../debian/tree.ts';

export const tree: TreeRecipe = {
  packages: [
    'linux-image-amd64',
    'initramfs-tools',
    // What an emulated processor decompresses fastest.
    'lz4',
    'busybox-static',
    'open-iscsi',
    'nbd-client',
    'e2fsprogs',
    'fio',
    'sg3-utils',
    // Node's, for tests that share it and this program with the guest.
    'libatomic1',
    'libstdc++6',
  ],
  excludedPaths: [
    ...documentationPaths,
    // Drivers for hardware that no guest has; they are half of the tree.
    ...['bluetooth', 'gpu', 'hwmon', 'iio', 'infiniband', 'media', 'net/ethernet', 'net/wireless', 'usb'].map(
      (drivers) => `/lib/modules/*/kernel/drivers/${drivers}/*`,
    ),
    '/lib/modules/*/kernel/sound/*',
  ],
  filesFolder: join(import.meta.dirname, 'files'),
  finish: ['chroot "$1" update-initramfs -u'],
};
