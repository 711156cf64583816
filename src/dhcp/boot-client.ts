/** Who is asking: what a request tells about the machine and the program that it runs, as far as booting goes. */

import type { MacAddress } from '../bytes/index.ts';
import { type DhcpMessage, hardwareAddress } from './message.ts';
import { Option } from './option.ts';

/**
 * Processor and firmware of option 93 (RFC 4578 §2.1 as corrected by erratum 4624, which swaps 7 and 9; and the IANA registry).
 */
export const ClientArchitecture = {
  bios: 0,
  efiIa32: 6,
  efiX64: 7,
  efiByteCode: 9,
  efiArm32: 10,
  efiArm64: 11,
  efiIa32Http: 15,
  efiX64Http: 16,
  efiByteCodeHttp: 17,
  efiArm32Http: 18,
  efiArm64Http: 19,
} as const;

/**
 * `ipxe`: runs iPXE or gPXE. `http`: UEFI HTTP boot. `pxe`: a PXE ROM. `uefi-iscsi`: the iSCSI driver of UEFI, which says nothing of
 * itself. `other`: an operating system, or anything else.
 */
export type BootClientKind = 'ipxe' | 'http' | 'pxe' | 'uefi-iscsi' | 'other';

export interface BootClient {
  readonly kind: BootClientKind;
  /** The Ethernet address; undefined for other hardware. */
  readonly hardwareAddress: MacAddress | undefined;
  /** Option 93 in the client's order; empty when not sent. */
  readonly architectures: readonly number[];
  readonly isIpxe: boolean;
  readonly isPxe: boolean;
  readonly isHttp: boolean;
  /** The Root Path is in its parameter request list. */
  readonly requestsRootPath: boolean;
  /** Option 77, item by item as text. */
  readonly userClasses: readonly string[];
  readonly vendorClass: string | undefined;
  /** The UUID of option 97, as SMBIOS shows it. */
  readonly machineIdentifier: string | undefined;
  readonly hostName: string | undefined;
}

const lenientText = new TextDecoder();

function userClassesOf(message: DhcpMessage): string[] {
  return (message.options.find(Option.userClass) ?? []).map((item) => lenientText.decode(item));
}

/**
 * iPXE names itself in the user class, which a script in it can change; the list of its features in option 175 is in every request
 * of it and in nobody else's.
 */
export function isIpxe(message: DhcpMessage): boolean {
  return userClassesOf(message).some((name) => name === 'iPXE' || name === 'gPXE') || message.options.has(Option.ipxe);
}

/** UEFI's iSCSI driver sends no class at all; its parameter request list gives it away (EDK2 IScsiDhcp.c). */
const uefiIscsiRequestList = [
  Option.subnetMask.code,
  Option.routers.code,
  Option.domainNameServers.code,
  Option.rootPath.code,
];

function kindOf(message: DhcpMessage): BootClientKind {
  if (isIpxe(message)) return 'ipxe';
  const vendorClass = message.options.find(Option.vendorClass);
  if (vendorClass?.startsWith('HTTPClient') === true) return 'http';
  if (vendorClass?.startsWith('PXEClient') === true) return 'pxe';
  const asked = message.options.find(Option.parameterRequestList) ?? [];
  const exactly =
    asked.length === uefiIscsiRequestList.length && uefiIscsiRequestList.every((code) => asked.includes(code));
  return exactly && vendorClass === undefined ? 'uefi-iscsi' : 'other';
}

export function bootClient(message: DhcpMessage): BootClient {
  const { options } = message;
  const vendorClass = options.find(Option.vendorClass);
  return {
    kind: kindOf(message),
    hardwareAddress: hardwareAddress(message),
    architectures: options.find(Option.clientArchitecture) ?? [],
    isIpxe: isIpxe(message),
    isPxe: vendorClass?.startsWith('PXEClient') === true,
    isHttp: vendorClass?.startsWith('HTTPClient') === true,
    requestsRootPath: options.find(Option.parameterRequestList)?.includes(Option.rootPath.code) === true,
    userClasses: userClassesOf(message),
    vendorClass,
    machineIdentifier: options.find(Option.machineIdentifier),
    hostName: options.find(Option.hostName),
  };
}
