/** The options that this room understands: number, name in the IANA registry, form. All others pass through as bytes. */

import { domainSearch } from './domain-search.ts';
import { isnsOption } from './isns-option.ts';
import { encapsulated } from './option-area.ts';
import {
  classlessRoutes,
  ipv4List,
  ipv4Value,
  machineIdentifier,
  networkInterfaceIdentifier,
  type OptionCodec,
  opaque,
  text,
  u8List,
  u8Value,
  u16List,
  u16Value,
  u32Value,
  userClass,
} from './option-codec.ts';
import type { OptionType } from './option-list.ts';
import { slpDirectoryAgents, slpServiceScope } from './slp-options.ts';

function option<T>(code: number, name: string, codec: OptionCodec<T>): OptionType<T> {
  return { code, name, codec };
}

export const Option = {
  subnetMask: option(1, 'subnet mask', ipv4Value),
  routers: option(3, 'routers', ipv4List),
  domainNameServers: option(6, 'domain name servers', ipv4List),
  hostName: option(12, 'host name', text),
  domainName: option(15, 'domain name', text),
  rootPath: option(17, 'root path', text),
  interfaceMtu: option(26, 'interface MTU', u16Value),
  broadcastAddress: option(28, 'broadcast address', ipv4Value),
  ntpServers: option(42, 'NTP servers', ipv4List),
  /** What it holds depends on the vendor class (RFC 2132 §8.4): bytes here, `vendorOptions` reads the encapsulated form. */
  vendorSpecific: option(43, 'vendor specific', opaque),
  requestedAddress: option(50, 'requested address', ipv4Value),
  /** Seconds; 0xffffffff is for ever. */
  leaseTime: option(51, 'lease time', u32Value),
  overload: option(52, 'option overload', u8Value),
  messageType: option(53, 'message type', u8Value),
  serverIdentifier: option(54, 'server identifier', ipv4Value),
  parameterRequestList: option(55, 'parameter request list', u8List),
  message: option(56, 'message', text),
  maximumMessageSize: option(57, 'maximum message size', u16Value),
  renewalTime: option(58, 'renewal time (T1)', u32Value),
  rebindingTime: option(59, 'rebinding time (T2)', u32Value),
  vendorClass: option(60, 'vendor class', text),
  clientIdentifier: option(61, 'client identifier', opaque),
  tftpServerName: option(66, 'TFTP server name', text),
  bootFileName: option(67, 'boot file name', text),
  userClass: option(77, 'user class', userClass),
  /** RFC 2610. */
  slpDirectoryAgents: option(78, 'SLP directory agents', slpDirectoryAgents),
  slpServiceScope: option(79, 'SLP service scope', slpServiceScope),
  relayAgentInformation: option(82, 'relay agent information', encapsulated('without-end')),
  /** RFC 4174. */
  isns: option(83, 'iSNS servers', isnsOption),
  /** RFC 3118 §2: see authentication.ts. */
  authentication: option(90, 'authentication', opaque),
  /** RFC 4578 §2.1. */
  clientArchitecture: option(93, 'client architecture', u16List),
  networkInterfaceIdentifier: option(94, 'network interface identifier', networkInterfaceIdentifier),
  machineIdentifier: option(97, 'machine identifier', machineIdentifier),
  domainSearch: option(119, 'domain search', domainSearch),
  classlessRoutes: option(121, 'classless static routes', classlessRoutes),
  /** RFC 5859 §3. */
  tftpServerAddresses: option(150, 'TFTP server addresses', ipv4List),
  /** iPXE's own options, encapsulated: see IpxeOption. */
  ipxe: option(175, 'iPXE options', encapsulated('without-end')),
  /** No RFC: what iPXE and Intel's ROM take as the iSCSI initiator's name. */
  initiatorName: option(203, 'iSCSI initiator name', text),
} as const;

/** The encapsulated reading of option 43. */
export const vendorOptions = option(43, 'vendor specific', encapsulated('with-end'));

/** Options of PXE inside option 43, valid only together with the vendor class `PXEClient` (PXE 2.1, table 2-1). */
export const PxeOption = {
  /** Bit 3: fetch the boot file of this very offer, no discovery and no menu. */
  discoveryControl: option(6, 'discovery control', u8Value),
} as const;

/**
 * Options inside option 43 that the iSCSI ROMs of Broadcom and QLogic take, valid only together with their own vendor class, which
 * the server repeats in option 60.
 */
export const IsanOption = {
  firstTarget: option(201, 'first target', text),
  secondTarget: option(202, 'second target', text),
  initiatorName: option(203, 'initiator name', text),
} as const;
export const isanVendorClasses: readonly string[] = ['BRCM ISAN', 'QLGC ISAN'];

/** Options of iPXE inside option 175. */
export const IpxeOption = {
  /** 1: do not wait for and do not ask a proxyDHCP server. */
  noPxedhcp: option(176, 'no-pxedhcp', u8Value),
  username: option(190, 'username', text),
  password: option(191, 'password', text),
  reverseUsername: option(192, 'reverse-username', text),
  reversePassword: option(193, 'reverse-password', text),
} as const;
