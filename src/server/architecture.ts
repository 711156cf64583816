/**
 * Firmware by its number in DHCP option 93, and the boot loader that it can run. A loader's name is its path below the loader
 * directory, and on TFTP and HTTP as well.
 *
 * 7 and 9 both mean UEFI on x86-64: RFC 4578 prints them swapped (erratum 4624), and firmware of both readings is out there.
 */

import { ClientArchitecture } from '../dhcp/boot-client.ts';

export interface Architecture {
  readonly name: string;
  readonly protocol: 'tftp' | 'http';
  readonly loader: string;
}

/**
 * By TFTP the firmware's own network driver goes on working under iPXE (`undionly`, `snponly`): it got this far with it. After HTTP
 * boot the driver may be in use by the firmware's own TCP, so iPXE brings its own.
 */
const architectures: Readonly<Record<number, Architecture>> = {
  [ClientArchitecture.bios]: { name: 'BIOS', protocol: 'tftp', loader: 'undionly.kpxe' },
  [ClientArchitecture.efiIa32]: { name: 'UEFI x86 32-bit', protocol: 'tftp', loader: 'i386-efi/snponly.efi' },
  [ClientArchitecture.efiX64]: { name: 'UEFI x86-64', protocol: 'tftp', loader: 'snponly.efi' },
  [ClientArchitecture.efiByteCode]: { name: 'UEFI x86-64', protocol: 'tftp', loader: 'snponly.efi' },
  [ClientArchitecture.efiArm32]: { name: 'UEFI ARM 32-bit', protocol: 'tftp', loader: 'arm32-efi/snponly.efi' },
  [ClientArchitecture.efiArm64]: { name: 'UEFI ARM 64-bit', protocol: 'tftp', loader: 'arm64-efi/snponly.efi' },
  [ClientArchitecture.efiIa32Http]: { name: 'UEFI HTTP x86 32-bit', protocol: 'http', loader: 'i386-efi/ipxe.efi' },
  [ClientArchitecture.efiX64Http]: { name: 'UEFI HTTP x86-64', protocol: 'http', loader: 'ipxe.efi' },
  [ClientArchitecture.efiByteCodeHttp]: { name: 'UEFI HTTP x86-64', protocol: 'http', loader: 'ipxe.efi' },
  [ClientArchitecture.efiArm32Http]: { name: 'UEFI HTTP ARM 32-bit', protocol: 'http', loader: 'arm32-efi/ipxe.efi' },
  [ClientArchitecture.efiArm64Http]: { name: 'UEFI HTTP ARM 64-bit', protocol: 'http', loader: 'arm64-efi/ipxe.efi' },
};

export function architectureOf(number: number): Architecture | undefined {
  return architectures[number];
}

/** What a PXE client that names no architecture is: RFC 4578 came after the BIOS ROMs. */
export const UNNAMED_ARCHITECTURE = ClientArchitecture.bios;

export const loaderNames: readonly string[] = [
  ...new Set(Object.values(architectures).map(({ loader }) => loader)),
].sort();
