/** Router advertisements (RFC 4861 §4.2): their form, what one says, and how they are heard. */

import {
  bits,
  bytes,
  DisklessError,
  flag,
  type Ipv6Address,
  type Ipv6Prefix,
  ipv6FromBytes,
  ipv6Prefix,
  ipv6Scope,
  layout,
  u8,
  u16,
  u32,
} from '../bytes/index.ts';
import { ALL_NODES, type HeardIcmpv6, NEVER_FORWARDED, ROUTER_ADVERTISEMENT_TYPE } from '../os/icmpv6-socket.ts';
import type { MachineNetwork } from '../os/machine-network.ts';
import type { StageTrace } from './trace.ts';

export const RouterAdvertisementFields = layout('Router Advertisement', 16, {
  type: u8(0),
  code: u8(1),
  checksum: u16(2),
  curHopLimit: u8(4),
  /** M and O: whether DHCPv6 has addresses or other configuration. */
  managedAndOther: bits(5, 6, 2),
  /** Seconds; 0: not a default router. */
  routerLifetime: u16(6),
  reachableTime: u32(8),
  retransTimer: u32(12),
});

/** RFC 4861 §4.6.2 */
export const PrefixInformation = layout('Prefix Information', 32, {
  type: u8(0),
  /** In units of eight bytes. */
  length: u8(1),
  prefixLength: u8(2),
  onLink: flag(3, 7),
  autonomous: flag(3, 6),
  /** Seconds. */
  validLifetime: u32(4),
  preferredLifetime: u32(8),
  prefix: bytes(16, 16),
});

/** RFC 4191 §2.3: as many bytes of the prefix follow as its length needs, in units of eight. */
const RouteInformation = layout('Route Information', 8, { prefixLength: u8(2), lifetime: u32(4) });

/** RFC 8106 §5.1: addresses follow. */
const RecursiveDnsServer = layout('Recursive DNS Server', 8, { lifetime: u32(4) });

/** Types of options. */
export const AdvertisedOption = { prefixInformation: 3, routeInformation: 24, recursiveDnsServer: 25 } as const;

export interface RouterAdvertisement {
  /** Of the link. */
  readonly router: Ipv6Address;
  /** Seconds that the router passes on to all others; 0: it does not. */
  readonly lifetime: number;
  /** Which addresses are on the link itself. */
  readonly onLink: readonly Advertised<Ipv6Prefix>[];
  /** Where else the router leads. */
  readonly routes: readonly Advertised<Ipv6Prefix>[];
  readonly nameServers: readonly Advertised<Ipv6Address>[];
}

/** For so many seconds from now: 0 takes it back, and `FOR_EVER` has no end. */
export interface Advertised<T> {
  readonly value: T;
  readonly lifetime: number;
}

export const FOR_EVER = 0xffff_ffff;

const ADDRESS_LENGTH = 16;
const LONGEST_PREFIX = 128;

/** Undefined for what is no valid advertisement (RFC 4861 §6.1.2). */
export function readRouterAdvertisement({ message, source, hopLimit }: HeardIcmpv6): RouterAdvertisement | undefined {
  const isValid =
    hopLimit === NEVER_FORWARDED &&
    ipv6Scope(source) === 'link-local' &&
    message.length >= RouterAdvertisementFields.size;
  if (!isValid) return undefined;
  const { type, code, routerLifetime: lifetime } = RouterAdvertisementFields.view(message);
  const options = optionsIn(message.subarray(RouterAdvertisementFields.size));
  if (type !== ROUTER_ADVERTISEMENT_TYPE || code !== 0 || options === undefined) return undefined;
  return {
    router: source,
    lifetime,
    onLink: of(options, AdvertisedOption.prefixInformation).flatMap(onLinkPrefix),
    routes: of(options, AdvertisedOption.routeInformation).flatMap(route),
    nameServers: of(options, AdvertisedOption.recursiveDnsServer).flatMap(nameServers),
  };
}

/** Undefined when one has no length, or is cut (RFC 4861 §4.6). */
function optionsIn(area: Uint8Array): Uint8Array[] | undefined {
  const options: Uint8Array[] = [];
  for (let at = 0; at < area.length; ) {
    const length = 8 * (area[at + 1] ?? 0);
    if (length === 0 || at + length > area.length) return undefined;
    options.push(area.subarray(at, at + length));
    at += length;
  }
  return options;
}

function of(options: readonly Uint8Array[], type: number): Uint8Array[] {
  return options.filter((option) => option[0] === type);
}

function onLinkPrefix(option: Uint8Array): Advertised<Ipv6Prefix>[] {
  if (option.length < PrefixInformation.size) return [];
  const { prefixLength, onLink, validLifetime: lifetime, prefix } = PrefixInformation.view(option);
  if (!onLink || prefixLength > LONGEST_PREFIX) return [];
  return [{ value: ipv6Prefix(ipv6FromBytes(prefix), prefixLength), lifetime }];
}

function route(option: Uint8Array): Advertised<Ipv6Prefix>[] {
  const { prefixLength, lifetime } = RouteInformation.view(option);
  const given = option.subarray(RouteInformation.size);
  if (prefixLength > LONGEST_PREFIX || prefixLength > 8 * given.length) return [];
  const network = new Uint8Array(ADDRESS_LENGTH);
  network.set(given.subarray(0, ADDRESS_LENGTH));
  return [{ value: ipv6Prefix(ipv6FromBytes(network), prefixLength), lifetime }];
}

function nameServers(option: Uint8Array): Advertised<Ipv6Address>[] {
  const { lifetime } = RecursiveDnsServer.view(option);
  const count = Math.floor((option.length - RecursiveDnsServer.size) / ADDRESS_LENGTH);
  return Array.from({ length: count }, (_, index) => {
    return { value: ipv6FromBytes(option, RecursiveDnsServer.size + index * ADDRESS_LENGTH), lifetime };
  });
}

/** Until it is disposed of; undefined on a machine that cannot hear. Raises OS_CALLS_UNAVAILABLE. */
export function hearRouterAdvertisements(
  machine: Pick<MachineNetwork, 'hearIcmpv6'>,
  interfaceName: string,
  hear: (advertisement: RouterAdvertisement) => void,
  trace: StageTrace,
): Disposable | undefined {
  const wanted = { interface: interfaceName, type: ROUTER_ADVERTISEMENT_TYPE, group: ALL_NODES };
  try {
    return machine.hearIcmpv6(wanted, (heard) => {
      const advertisement = readRouterAdvertisement(heard);
      if (advertisement !== undefined) hear(advertisement);
    });
  } catch (error) {
    if (!(error instanceof DisklessError) || !error.code.startsWith('NETWORK_')) throw error;
    trace.step(`what routers advertise is not heard: ${error.message}`);
    return undefined;
  }
}
