/**
 * Which file systems take a write into the page cache of this machine and are done with it, and say of a read what is there. Others ask
 * another machine (NFS, SMB, Ceph) or a program (FUSE), or keep a cache of their own with rules of their own (ZFS): there any write may
 * wait, and so may a read.
 */

import { statfsSync } from 'node:fs';

/** By the `f_type` of statfs(2). */
const types: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // XFS
  0x9123683e, // btrfs
  0xf2f52010, // F2FS
  0xca451a4e, // bcachefs
  0x01021994, // tmpfs, and devtmpfs, where block devices have their names
  0x858458f6, // ramfs
  0x794c7630, // overlayfs: a container's own files, on one of the above as a rule
]);

/** Of the file system that `path` is on. False where the system does not say. */
export function isPageCached(path: string): boolean {
  try {
    return types.has(statfsSync(path).type);
  } catch {
    return false;
  }
}
