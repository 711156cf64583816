/** What a test with whole machines requires of this one. */
import { file, networkNamespaces, type Requirement, root } from '../requires.ts';
import { ovmf } from './machine.ts';

export const machineNeeds: readonly (string | Requirement)[] = [
  root,
  networkNamespaces,
  'ip',
  'mmdebstrap',
  'mkfs.ext4',
  'mformat',
  'qemu-system-x86_64',
  file(ovmf.code),
  // The loader that the server hands out, and the iPXE of QEMU's network cards.
  file('/usr/lib/ipxe/snponly.efi'),
  file('/usr/lib/ipxe/qemu/efi-virtio.rom'),
];
