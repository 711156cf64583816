/** The options that this room understands: number, name in the IANA registry, form. All others pass through as bytes. */

import { domainNames } from './domain-names.ts';
import {
  duidValue,
  iaAddress,
  identityAssociation,
  ipv6List,
  linkLayerAddress,
  networkInterfaceIdentifier,
  type OptionCodec,
  opaque,
  present,
  sizedItems,
  status,
  temporaryAssociation,
  text,
  u8Value,
  u16List,
  u16Value,
  u32Value,
  vendorClass,
  vendorOptions,
} from './option-codec.ts';
import type { OptionType } from './option-list.ts';

function option<T>(code: number, name: string, codec: OptionCodec<T>): OptionType<T> {
  return { code, name, codec };
}

export const Option = {
  clientIdentifier: option(1, 'client identifier', duidValue),
  serverIdentifier: option(2, 'server identifier', duidValue),
  iaNa: option(3, 'identity association for addresses', identityAssociation),
  iaTa: option(4, 'identity association for temporary addresses', temporaryAssociation),
  iaAddress: option(5, 'IA address', iaAddress),
  optionRequest: option(6, 'option request', u16List),
  preference: option(7, 'preference', u8Value),
  /** Hundredths of a second. */
  elapsedTime: option(8, 'elapsed time', u16Value),
  relayMessage: option(9, 'relay message', opaque),
  statusCode: option(13, 'status code', status),
  rapidCommit: option(14, 'rapid commit', present),
  userClass: option(15, 'user class', sizedItems),
  vendorClass: option(16, 'vendor class', vendorClass),
  vendorOptions: option(17, 'vendor-specific information', vendorOptions),
  interfaceIdentifier: option(18, 'interface-id', opaque),
  /** RFC 3646 */
  domainNameServers: option(23, 'domain name servers', ipv6List),
  domainSearch: option(24, 'domain search list', domainNames),
  iaPd: option(25, 'identity association for prefixes', identityAssociation),
  /** Seconds. */
  informationRefreshTime: option(32, 'information refresh time', u32Value),
  /** RFC 5970; RFC 4173's Root Path too (RFC 5970 §5). */
  bootFileUrl: option(59, 'boot file URL', text),
  bootFileParameters: option(60, 'boot file parameters', sizedItems),
  clientArchitecture: option(61, 'client architecture', u16List),
  networkInterfaceIdentifier: option(62, 'network interface identifier', networkInterfaceIdentifier),
  /** RFC 6939, in relay-forward messages. */
  clientLinkLayerAddress: option(79, 'client link-layer address', linkLayerAddress),
  /** Seconds. */
  solMaxRt: option(82, 'longest wait of a Solicit', u32Value),
  infMaxRt: option(83, 'longest wait of an Information-request', u32Value),
} as const;

/** RFC 8415 §21.13, table 3 */
export const StatusCode = {
  success: 0,
  unspecFail: 1,
  noAddrsAvail: 2,
  noBinding: 3,
  notOnLink: 4,
  useMulticast: 5,
  noPrefixAvail: 6,
} as const;

/** RFC 8415 §7.7: a lifetime or time without end. */
export const INFINITY = 0xffff_ffff;
