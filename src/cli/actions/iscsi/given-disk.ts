import { DisklessError } from '../../../bytes/index.ts';
import type { DiskAddress } from '../../disk-address.ts';

/** The disk that a command is about. Raises USAGE_DISK_MISSING. */
export function givenDisk({ disk }: { readonly disk: DiskAddress | undefined }): DiskAddress {
  if (disk !== undefined) return disk;
  throw new DisklessError('USAGE_DISK_MISSING', 'no disk was given', {
    hint: 'Name it: iscsi:192.0.2.5::::iqn.2001-04.com.example:disk, or iscsi://192.0.2.5/iqn.2001-04.com.example:disk/0',
  });
}
