/** Who is asking: what a request tells about the machine and the program that it runs, as far as booting goes. */

import { type Ipv6Address, ipv6ToBytes, type MacAddress, macFromBytes } from '../bytes/index.ts';
import { macOfDuid } from './duid.ts';
import { type Dhcp6Message, MessageType, type RelayedMessage } from './message.ts';
import { Option } from './option.ts';

/**
 * `ipxe`: runs iPXE. `http`: UEFI HTTP boot. `pxe`: UEFI's PXE. `uefi-iscsi`: the iSCSI driver of UEFI, which says nothing of itself.
 * `iscsi-rom`: the option ROM of an iSCSI network card (Broadcom, QLogic). `other`: an operating system, or anything else.
 */
export type BootClientKind = 'ipxe' | 'http' | 'pxe' | 'uefi-iscsi' | 'iscsi-rom' | 'other';

export interface BootClient {
  readonly kind: BootClientKind;
  /** Absent in an Information-request of a client that wants to stay unknown. */
  readonly duid: Uint8Array | undefined;
  /** The Ethernet address, from whichever place tells it. */
  readonly hardwareAddress: MacAddress | undefined;
  /** Option 61 in the client's order; empty when not sent. */
  readonly architectures: readonly number[];
  /** Option 15, item by item as text. */
  readonly userClasses: readonly string[];
  /** Option 16: the first item as text. */
  readonly vendorClass: { readonly enterprise: number; readonly text: string } | undefined;
  /** Codes of option 6. */
  readonly requested: readonly number[];
}

const lenientText = new TextDecoder();

export function bootClient({ message, relays }: RelayedMessage, source: Ipv6Address): BootClient {
  const { options } = message;
  const duid = options.find(Option.clientIdentifier);
  const userClasses = (options.find(Option.userClass) ?? []).map((item) => lenientText.decode(item));
  const given = options.find(Option.vendorClass);
  const vendorClass = given && { enterprise: given.enterprise, text: lenientText.decode(given.items[0]) };
  const seen = relays[0]?.options.find(Option.clientLinkLayerAddress);
  const relayed = seen?.type === 1 && seen.address.length === 6 ? macFromBytes(seen.address) : undefined;
  const linkLocal = relays[0]?.peerAddress ?? source;
  return {
    kind: kindOf(message, userClasses, vendorClass?.text),
    duid,
    // A DUID names the machine and not the card, but says so of more clients than an address made at random does.
    hardwareAddress: relayed ?? (duid && macOfDuid(duid)) ?? macOfInterfaceIdentifier(linkLocal),
    architectures: options.find(Option.clientArchitecture) ?? [],
    userClasses,
    vendorClass,
    requested: options.find(Option.optionRequest) ?? [],
  };
}

function kindOf(
  message: Dhcp6Message,
  userClasses: readonly string[],
  vendorClass: string | undefined,
): BootClientKind {
  if (userClasses.some((name) => name === 'iPXE' || name === 'gPXE')) return 'ipxe';
  if (vendorClass?.startsWith('HTTPClient') === true) return 'http';
  if (vendorClass?.startsWith('PXEClient') === true) return 'pxe';
  if (vendorClass?.endsWith(' ISAN') === true) return 'iscsi-rom';
  return asksAsUefiIscsi(message) && vendorClass === undefined ? 'uefi-iscsi' : 'other';
}

/** UEFI's iSCSI driver sends no class at all; what it asks for gives it away (EDK2 IScsiDhcp6.c). */
const uefiIscsiRequest = [Option.domainNameServers, Option.bootFileUrl, Option.bootFileParameters].map(
  ({ code }) => code,
);

/** RFC 8415 §18.2.6 wants these in every Information-request; drivers older than it leave them out. */
const informationRequest: readonly number[] = [Option.informationRefreshTime.code, Option.infMaxRt.code];

function asksAsUefiIscsi({ type, options }: Dhcp6Message): boolean {
  if (type !== MessageType.informationRequest) return false;
  const asked = options.find(Option.optionRequest) ?? [];
  const own = asked.filter((code) => !informationRequest.includes(code));
  return own.length === uefiIscsiRequest.length && uefiIscsiRequest.every((code) => own.includes(code));
}

/** The Ethernet address inside an autoconfigured address (RFC 4291 appendix A); undefined when it was made another way. */
export function macOfInterfaceIdentifier(address: Ipv6Address): MacAddress | undefined {
  const bytes = ipv6ToBytes(address);
  if (bytes[11] !== 0xff || bytes[12] !== 0xfe) return undefined;
  const universalLocalBit = 0x02;
  const mac = Uint8Array.of((bytes[8] ?? 0) ^ universalLocalBit, ...bytes.subarray(9, 11), ...bytes.subarray(13));
  return macFromBytes(mac);
}
