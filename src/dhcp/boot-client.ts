/** Who is asking: what a request tells about the machine and the program that it runs, as far as booting goes. */

import type { MacAddress } from '../bytes/index.ts';
import { type DhcpMessage, hardwareAddress } from './message.ts';
import { isanVendorClasses, Option } from './option.ts';

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
 * itself. `iscsi-rom`: a network card that boots from iSCSI by itself. `other`: an operating system, or anything else.
 */
export type BootClientKind = 'ipxe' | 'http' | 'pxe' | 'uefi-iscsi' | 'iscsi-rom' | 'other';

/**
 * The form in which a card with iSCSI of its own reads option 43. `sub-options`: those of Broadcom, QLogic and Marvell, encapsulated.
 * `text`: Emulex's, one string.
 */
export type IscsiRomForm = 'sub-options' | 'text';

/** By the beginning of the vendor class that the cards come with. */
const iscsiRoms: readonly (readonly [vendorClass: string, form: IscsiRomForm])[] = [
  ...isanVendorClasses.map((name) => [name, 'sub-options'] as const),
  ['Emulex', 'text'],
];

export interface BootClient {
  readonly kind: BootClientKind;
  /** The Ethernet address; undefined for other hardware. */
  readonly hardwareAddress: MacAddress | undefined;
  /** Option 93 in the client's order; empty when not sent. */
  readonly architectures: readonly number[];
  readonly isIpxe: boolean;
  readonly isPxe: boolean;
  readonly isHttp: boolean;
  /** Undefined for everybody but cards with iSCSI of their own. */
  readonly iscsiRom: IscsiRomForm | undefined;
  /** Codes of its parameter request list (option 55); empty when not sent. */
  readonly requestedOptions: Uint8Array;
  /** Option 77, item by item as text. */
  readonly userClasses: readonly string[];
  readonly vendorClass: string | undefined;
  /** The UUID of option 97, as SMBIOS shows it. */
  readonly machineIdentifier: string | undefined;
  readonly hostName: string | undefined;
}

const lenientText = new TextDecoder();

const none: readonly never[] = [];
const nothing = new Uint8Array();

function userClassesOf({ options }: DhcpMessage): readonly string[] {
  return options.find(Option.userClass)?.map((item) => lenientText.decode(item)) ?? none;
}

/**
 * iPXE names itself in the user class, which a script in it can change; the list of its features in option 175 is in every request
 * of it and in nobody else's.
 */
export function isIpxe(message: DhcpMessage): boolean {
  return message.options.has(Option.ipxe) || namesIpxe(userClassesOf(message));
}

function namesIpxe(userClasses: readonly string[]): boolean {
  return userClasses.some((name) => name === 'iPXE' || name === 'gPXE');
}

/** UEFI's iSCSI driver sends no class at all; its parameter request list gives it away (EDK2 IScsiDhcp.c). */
const uefiIscsiRequestList = [
  Option.subnetMask.code,
  Option.routers.code,
  Option.domainNameServers.code,
  Option.rootPath.code,
];

type KindSigns = Pick<BootClient, 'isIpxe' | 'isHttp' | 'isPxe' | 'iscsiRom' | 'vendorClass' | 'requestedOptions'>;

function kindOf(client: KindSigns): BootClientKind {
  const { isIpxe, isHttp, isPxe, iscsiRom, vendorClass, requestedOptions } = client;
  if (isIpxe) return 'ipxe';
  if (isHttp) return 'http';
  if (isPxe) return 'pxe';
  if (iscsiRom !== undefined) return 'iscsi-rom';
  const exactly =
    requestedOptions.length === uefiIscsiRequestList.length &&
    uefiIscsiRequestList.every((code) => requestedOptions.includes(code));
  return exactly && vendorClass === undefined ? 'uefi-iscsi' : 'other';
}

export function bootClient(message: DhcpMessage): BootClient {
  const { options } = message;
  const vendorClass = options.find(Option.vendorClass);
  const requestedOptions = options.raw(Option.parameterRequestList.code) ?? nothing;
  const userClasses = userClassesOf(message);
  const isIpxe = options.has(Option.ipxe) || namesIpxe(userClasses);
  const isPxe = vendorClass?.startsWith('PXEClient') === true;
  const isHttp = vendorClass?.startsWith('HTTPClient') === true;
  const iscsiRom = vendorClass === undefined ? undefined : iscsiRomOf(vendorClass);
  return {
    kind: kindOf({ isIpxe, isPxe, isHttp, iscsiRom, vendorClass, requestedOptions }),
    hardwareAddress: hardwareAddress(message),
    architectures: options.find(Option.clientArchitecture) ?? none,
    ...{ isIpxe, isPxe, isHttp, iscsiRom, requestedOptions, userClasses, vendorClass },
    machineIdentifier: options.find(Option.machineIdentifier),
    hostName: options.find(Option.hostName),
  };
}

function iscsiRomOf(vendorClass: string): IscsiRomForm | undefined {
  return iscsiRoms.find(([name]) => vendorClass.startsWith(name))?.[1];
}
