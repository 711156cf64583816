/** Replies: which options they carry in which order, how they fit the client's limit, and where they are sent. */

import {
  IPV4_ANY,
  IPV4_BROADCAST,
  type Ipv4Address,
  ipv4BroadcastOf,
  ipv4Mask,
  ProtocolError,
} from '../../bytes/index.ts';
import { DhcpPort, type Endpoint } from '../datagram.ts';
import {
  BootOperation,
  bootpMessageLength,
  broadcastFlag,
  type DhcpMessage,
  dhcpMessage,
  encodeMessage,
  MessageType,
  messageType,
  minimumMaximumMessageLength,
} from '../message.ts';
import { Option } from '../option.ts';
import { OptionList } from '../option-list.ts';
import type { BootFields } from './boot-answer.ts';
import type { DhcpSubnet } from './subnet.ts';

export interface ReplyContent {
  /** MessageType; undefined for BOOTP, whose replies have none (RFC 1534 §2). */
  readonly type: number | undefined;
  readonly serverIdentifier: Ipv4Address;
  readonly yiaddr?: Ipv4Address;
  /** Seconds; not given in answers to INFORM and BOOTP. */
  readonly leaseTime?: number;
  readonly subnet?: DhcpSubnet;
  readonly boot?: BootFields | undefined;
  /** Option 90 without its code, when the client asks for proof. */
  readonly authentication?: Uint8Array | undefined;
  /** Why not, in a NAK. */
  readonly message?: string;
}

export interface Reply {
  readonly message: DhcpMessage;
  readonly data: Uint8Array;
  /** Codes of options that did not fit what the client can take. */
  readonly omitted: readonly number[];
}

const headersOfIpAndUdp = 28;
const ethernetMtu = 1500;
const forEver = 0xffff_ffff;

export function buildReply(request: DhcpMessage, content: ReplyContent): Reply {
  const { type, boot, yiaddr = IPV4_ANY } = content;
  const isNak = type === MessageType.nak;
  const { htype, hlen, xid, giaddr, chaddr } = request;
  const fixed = {
    ...{ op: BootOperation.reply, htype, hlen, xid, giaddr, chaddr },
    // RFC 2131 §4.3.2: a relay agent must broadcast a NAK, because the client may have no usable address.
    flags: isNak && giaddr !== IPV4_ANY ? request.flags | broadcastFlag : request.flags,
    ciaddr: isNak || type === MessageType.offer ? IPV4_ANY : request.ciaddr,
    yiaddr,
    siaddr: boot?.siaddr ?? IPV4_ANY,
    file: boot?.file ?? '',
    // RFC 1542 §3.5: who sends no options can understand none; it gets its own format back.
    vendorArea: request.vendorArea,
  };
  if (request.vendorArea !== undefined) return withoutOptions(fixed);
  const options = mandatoryOptions(request, content);
  const optional = isNak ? [] : addOptional(options, request, content);
  return fit({ ...fixed, options }, request, optional);
}

function withoutOptions(fixed: Partial<DhcpMessage>): Reply {
  const message = dhcpMessage(fixed);
  return { message, data: encodeMessage(message), omitted: [] };
}

/** What every reply of its kind must carry (RFC 2131 table 3). */
function mandatoryOptions({ options }: DhcpMessage, content: ReplyContent): OptionList {
  const list = new OptionList();
  const { type, leaseTime, message } = content;
  if (type === undefined) return list;
  list.set(Option.messageType, type).set(Option.serverIdentifier, content.serverIdentifier);
  if (leaseTime !== undefined) addTimes(list, leaseTime, content.subnet);
  if (message !== undefined) list.set(Option.message, message);
  // RFC 6842 §3: unaltered, in NAK too.
  const clientIdentifier = options.raw(Option.clientIdentifier.code);
  if (clientIdentifier !== undefined) list.setRaw(Option.clientIdentifier.code, clientIdentifier);
  if (content.authentication !== undefined) list.setRaw(Option.authentication.code, content.authentication);
  return list;
}

function addTimes(list: OptionList, leaseTime: number, subnet: DhcpSubnet | undefined): void {
  const times = subnet?.leaseTime === leaseTime ? usualTimes(subnet) : timesOf(leaseTime);
  for (const [code, value] of times) list.setRaw(code, value);
}

/** Hardly any client wants another lease than the usual one: its options are encoded once. */
const timesOfNetworks = new WeakMap<DhcpSubnet, OptionList>();

function usualTimes(subnet: DhcpSubnet): OptionList {
  const known = timesOfNetworks.get(subnet);
  if (known !== undefined) return known;
  const times = timesOf(subnet.leaseTime);
  timesOfNetworks.set(subnet, times);
  return times;
}

function timesOf(leaseTime: number): OptionList {
  const list = new OptionList().set(Option.leaseTime, leaseTime);
  if (leaseTime === forEver) return list;
  // RFC 2131 §4.4.5.
  list.set(Option.renewalTime, Math.floor(leaseTime / 2));
  return list.set(Option.rebindingTime, Math.floor((leaseTime * 7) / 8));
}

/** Options that a client gets when it names none. */
const defaultRequestList = [Option.subnetMask, Option.routers, Option.domainNameServers].map(({ code }) => code);

/**
 * Adds what the client wants, the most important first: what it needs to boot, then its own order. Gives the codes of what was added.
 */
function addOptional(list: OptionList, { options }: DhcpMessage, { subnet, boot }: ReplyContent): number[] {
  const added: number[] = [];
  const add = (code: number, value: Uint8Array | undefined): void => {
    if (value === undefined || list.raw(code) !== undefined) return;
    list.setRaw(code, value);
    added.push(code);
  };
  const network = subnet === undefined ? undefined : networkOptions(subnet);
  add(Option.subnetMask.code, network?.raw(Option.subnetMask.code));
  for (const [code, value] of boot?.forced ?? []) add(code, value);
  for (const code of options.raw(Option.parameterRequestList.code) ?? defaultRequestList) {
    add(code, boot?.onRequest.raw(code) ?? network?.raw(code));
  }
  return added;
}

/** They are the same for every client, and encoded once. */
const optionsOfNetworks = new WeakMap<DhcpSubnet, OptionList>();

function networkOptions(network: DhcpSubnet): OptionList {
  const known = optionsOfNetworks.get(network);
  if (known !== undefined) return known;
  const list = new OptionList();
  optionsOfNetworks.set(network, list);
  list.set(Option.subnetMask, ipv4Mask(network.subnet.prefix));
  list.set(Option.broadcastAddress, ipv4BroadcastOf(network.subnet));
  if (network.routers.length > 0) list.set(Option.routers, network.routers);
  if (network.domainNameServers.length > 0) list.set(Option.domainNameServers, network.domainNameServers);
  if (network.domainName !== undefined) list.set(Option.domainName, network.domainName);
  if (network.interfaceMtu !== undefined) list.set(Option.interfaceMtu, network.interfaceMtu);
  for (const [code, value] of network.options ?? []) list.setRaw(code, value);
  return list;
}

/** Leaves out the least important options until the message fits; `optional` are the codes of those, the most important first. */
function fit(
  fixed: Partial<DhcpMessage> & { readonly options: OptionList },
  request: DhcpMessage,
  optional: number[],
): Reply {
  const { options } = fixed;
  // RFC 3046 §2.1: as the relay agent sent it, and the last one.
  const relay = request.options.raw(Option.relayAgentInformation.code);
  if (relay !== undefined) options.setRaw(Option.relayAgentInformation.code, relay);
  const isBootp = messageType(request) === undefined;
  const limits = { longest: isBootp ? bootpMessageLength : longestReply(request), overload: !isBootp };
  const message = dhcpMessage(fixed);
  const omitted: number[] = [];
  for (;;) {
    try {
      return { message, data: encodeMessage(message, limits), omitted };
    } catch (error) {
      const last = optional.pop();
      if (last === undefined || !(error instanceof ProtocolError)) throw error;
      options.delete(last);
      omitted.unshift(last);
    }
  }
}

/** Option 57 counts the whole IP datagram; less than the minimum that every client must take is an error of the client's. */
function longestReply({ options }: DhcpMessage): number {
  const asked = options.find(Option.maximumMessageSize) ?? 0;
  return Math.max(minimumMaximumMessageLength, Math.min(asked, ethernetMtu) - headersOfIpAndUdp);
}

export interface ReplyPorts {
  readonly server: number;
  readonly client: number;
}

export const defaultPorts: ReplyPorts = { server: DhcpPort.server, client: DhcpPort.client };

/**
 * RFC 2131 §4.1. A client without an address gets a broadcast, asked for or not: the clause allows it, and it saves the server from
 * writing into the kernel's ARP table. Who asks by INFORM has its address, and is answered there directly (§4.3.5): a relay agent
 * delivers to `yiaddr`, which such an answer has not.
 */
export function replyDestination(request: DhcpMessage, reply: DhcpMessage, ports: ReplyPorts): Endpoint {
  const isInform = messageType(request) === MessageType.inform;
  if (isInform && request.ciaddr !== IPV4_ANY) return { address: request.ciaddr, port: ports.client };
  if (request.giaddr !== IPV4_ANY) return { address: request.giaddr, port: ports.server };
  const isNak = messageType(reply) === MessageType.nak;
  if (request.ciaddr !== IPV4_ANY && !isNak) return { address: request.ciaddr, port: ports.client };
  return { address: IPV4_BROADCAST, port: ports.client };
}
