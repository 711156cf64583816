/** What a test with whole machines requires of this one. */
import { file, networkNamespaces, type Requirement, root } from '../requires.ts';
import { ovmf } from './machine.ts';

/** A network of machines, and Debian packages in a tree that they boot from. */
const commonNeeds = [root, networkNamespaces, 'ip', 'mmdebstrap', 'qemu-system-x86_64'] as const;

export const machineNeeds: readonly (string | Requirement)[] = [
  ...commonNeeds,
  'mkfs.ext4',
  'mformat',
  file(ovmf.code),
  // The loader that the server hands out, and the iPXE of QEMU's network cards.
  file('/usr/lib/ipxe/snponly.efi'),
  file('/usr/lib/ipxe/qemu/efi-virtio.rom'),
];

export const guestNeeds: readonly (string | Requirement)[] = commonNeeds;
