/** Answers: which options they carry in which order, and how they go back through the relay agents. */

import type { Ipv6Address } from '../../bytes/index.ts';
import { Dhcp6Port, type Endpoint } from '../datagram.ts';
import { type Dhcp6Message, encodeMessage, encodeRelayMessage, MessageType, type RelayMessage } from '../message.ts';
import { INFINITY, Option } from '../option.ts';
import { OptionList } from '../option-list.ts';
import type { BootOptions } from './boot-answer.ts';
import type { AssociationAnswer, Exchange, Verdict } from './decision.ts';
import type { Dhcp6Link } from './link.ts';

export interface ReplyContent {
  readonly serverIdentifier: Uint8Array;
  /** 0..255; 0 is what a server without one has. */
  readonly preference: number;
  readonly boot: BootOptions | undefined;
}

export type AnsweringVerdict = Exclude<Verdict, { answer: 'ignore' }>;

export function buildReply(exchange: Exchange, verdict: AnsweringVerdict, content: ReplyContent): Dhcp6Message {
  const { message, link } = exchange;
  const isAdvertise = verdict.answer === 'advertise';
  const options = new OptionList();
  const clientIdentifier = message.options.raw(Option.clientIdentifier.code);
  if (clientIdentifier !== undefined) options.appendRaw(Option.clientIdentifier.code, clientIdentifier);
  options.set(Option.serverIdentifier, content.serverIdentifier);
  if (isAdvertise && content.preference > 0) options.set(Option.preference, content.preference);
  if (verdict.isRapid === true) options.set(Option.rapidCommit, true);
  if (verdict.status !== undefined) options.set(Option.statusCode, verdict.status);
  for (const association of verdict.associations)
    options.appendRaw(association.code, associationBytes(association, link));
  if (verdict.isConfiguring) addConfiguration(options, message, link, content.boot);
  const type = isAdvertise ? MessageType.advertise : MessageType.reply;
  return { type, transactionId: message.transactionId, options };
}

/** RFC 8415 §21.4 recommends these; the same for all associations of an answer (§18.3.2). */
const T1_SHARE = 0.5;
const T2_SHARE = 0.8;

function associationBytes({ code, iaid, granted, withdrawn, status }: AssociationAnswer, link: Dhcp6Link): Uint8Array {
  const options = new OptionList();
  const { preferredLifetime, validLifetime } = link;
  for (const address of granted) addAddress(options, address, preferredLifetime, validLifetime);
  for (const address of withdrawn) addAddress(options, address, 0, 0);
  if (status !== undefined) options.set(Option.statusCode, status);
  if (code === Option.iaTa.code) return Option.iaTa.codec.encode({ iaid, options });
  const isGiven = granted.length > 0;
  const share = (part: number) => (preferredLifetime === INFINITY ? INFINITY : Math.floor(preferredLifetime * part));
  const times = isGiven ? { t1: share(T1_SHARE), t2: share(T2_SHARE) } : { t1: 0, t2: 0 };
  return Option.iaNa.codec.encode({ iaid, ...times, options });
}

function addAddress(list: OptionList, address: Ipv6Address, preferredLifetime: number, validLifetime: number): void {
  list.append(Option.iaAddress, { address, preferredLifetime, validLifetime, options: new OptionList() });
}

/** What the client needs to boot, then what it asks for in its own order. */
function addConfiguration(
  list: OptionList,
  message: Dhcp6Message,
  link: Dhcp6Link,
  boot: BootOptions | undefined,
): void {
  const available = new OptionList([...networkOptions(message, link), ...(boot?.onRequest ?? [])]);
  for (const [code, value] of boot?.forced ?? []) list.appendRaw(code, value);
  for (const code of new Set(message.options.find(Option.optionRequest) ?? [])) {
    if (list.raw(code) !== undefined) continue;
    for (const [each, value] of available) if (each === code) list.appendRaw(code, value);
  }
}

/** Seconds. RFC 8415 §21.23: the least that may be said, and in answers to an Information-request alone. */
const IRT_MINIMUM = 600;

function networkOptions({ type }: Dhcp6Message, link: Dhcp6Link): OptionList {
  const list = new OptionList();
  const { domainNameServers, domainSearch, validLifetime } = link;
  if (domainNameServers.length > 0) list.set(Option.domainNameServers, domainNameServers);
  if (domainSearch.length > 0) list.set(Option.domainSearch, domainSearch);
  if (type === MessageType.informationRequest) {
    list.set(Option.informationRefreshTime, Math.max(IRT_MINIMUM, validLifetime));
  }
  for (const [code, value] of link.options ?? []) list.appendRaw(code, value);
  return list;
}

/** Where clients and relay agents listen. */
export interface ReplyPorts {
  readonly client: number;
  readonly server: number;
}

export const defaultPorts: ReplyPorts = { client: Dhcp6Port.client, server: Dhcp6Port.server };

/** The datagram's bytes, in an envelope for each relay agent that the message came through (RFC 8415 §19.3). */
export function encodeReply(reply: Dhcp6Message, relays: readonly RelayMessage[]): Uint8Array {
  let inner = encodeMessage(reply);
  for (const { hopCount, linkAddress, peerAddress, options: given } of relays) {
    const options = new OptionList();
    const interfaceIdentifier = given.raw(Option.interfaceIdentifier.code);
    if (interfaceIdentifier !== undefined) options.appendRaw(Option.interfaceIdentifier.code, interfaceIdentifier);
    options.set(Option.relayMessage, inner);
    inner = encodeRelayMessage({ type: MessageType.relayReply, hopCount, linkAddress, peerAddress, options });
  }
  return inner;
}

/** RFC 8415 §18.3.10: where it came from. */
export function replyDestination(from: Endpoint, relays: readonly RelayMessage[], ports: ReplyPorts): Endpoint {
  return { address: from.address, port: relays.length > 0 ? ports.server : ports.client };
}
