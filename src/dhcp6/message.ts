/** A DHCPv6 message: one between client and server (RFC 8415 §8), or one that a relay agent carries it in (§9). */

import { type Ipv6Address, layout, ProtocolError, u8, u24 } from '../bytes/index.ts';
import { Option } from './option.ts';
import { optionsLength, readOptions, writeOptions } from './option-area.ts';
import { ipv6Field } from './option-codec.ts';
import type { OptionList } from './option-list.ts';

/** RFC 8415 §7.3 */
export const MessageType = {
  solicit: 1,
  advertise: 2,
  request: 3,
  confirm: 4,
  renew: 5,
  rebind: 6,
  reply: 7,
  release: 8,
  decline: 9,
  reconfigure: 10,
  informationRequest: 11,
  relayForward: 12,
  relayReply: 13,
} as const;

/** RFC 8415 §7.6: HOP_COUNT_LIMIT. */
export const hopCountLimit = 8;

const MessageFields = layout('DHCPv6 message', 4, { type: u8(0), transactionId: u24(1) });

const RelayFields = layout('DHCPv6 relay message', 34, {
  type: u8(0),
  hopCount: u8(1),
  linkAddress: ipv6Field(2),
  peerAddress: ipv6Field(18),
});

export interface Dhcp6Message {
  /** MessageType, but for the relays' ones. */
  readonly type: number;
  /** 24 bits. */
  readonly transactionId: number;
  readonly options: OptionList;
}

export interface RelayMessage {
  readonly type: typeof MessageType.relayForward | typeof MessageType.relayReply;
  readonly hopCount: number;
  /** Names the client's link to the server; `::` when the relay agent only knows the interface-id. */
  readonly linkAddress: Ipv6Address;
  /** Whom the relay agent had the message from. */
  readonly peerAddress: Ipv6Address;
  readonly options: OptionList;
}

/** A message with the relay agents that it came through, the one next to the client first. */
export interface RelayedMessage {
  readonly message: Dhcp6Message;
  readonly relays: readonly RelayMessage[];
}

/** Raises ProtocolError: LAYOUT_TRUNCATED, DHCP6_OPTIONS_TRUNCATED, DHCP6_RELAYED. */
export function decodeMessage(datagram: Uint8Array): Dhcp6Message {
  const { type, transactionId } = MessageFields.view(datagram);
  if (isRelayType(type)) throw new ProtocolError('DHCP6_RELAYED', 'the message is one between relay agent and server');
  return { type, transactionId, options: readOptions(datagram, MessageFields.size) };
}

export function encodeMessage({ type, transactionId, options }: Dhcp6Message): Uint8Array {
  const datagram = new Uint8Array(MessageFields.size + optionsLength(options));
  MessageFields.write(datagram, 0, { type, transactionId });
  writeOptions(datagram, MessageFields.size, options);
  return datagram;
}

/** Raises ProtocolError: LAYOUT_TRUNCATED, DHCP6_OPTIONS_TRUNCATED, DHCP6_NOT_RELAYED. */
export function decodeRelayMessage(datagram: Uint8Array): RelayMessage {
  const { type, hopCount, linkAddress, peerAddress } = RelayFields.view(datagram);
  if (!isRelayType(type)) throw new ProtocolError('DHCP6_NOT_RELAYED', `message type ${type} is no relay agent's`);
  return { type, hopCount, linkAddress, peerAddress, options: readOptions(datagram, RelayFields.size) };
}

export function encodeRelayMessage({ options, ...fields }: RelayMessage): Uint8Array {
  const datagram = new Uint8Array(RelayFields.size + optionsLength(options));
  RelayFields.write(datagram, 0, fields);
  writeOptions(datagram, RelayFields.size, options);
  return datagram;
}

export function isRelayed(datagram: Uint8Array): boolean {
  return isRelayType(datagram[0] ?? 0);
}

function isRelayType(type: number): type is RelayMessage['type'] {
  return type === MessageType.relayForward || type === MessageType.relayReply;
}

/**
 * Takes a message out of the relay agents' messages around it. Raises what the decoders do, and DHCP6_RELAY_INVALID when a relay message
 * carries none or there are more relay agents than RFC 8415 §7.6 allows.
 */
export function unwrapRelays(datagram: Uint8Array): RelayedMessage {
  const relays: RelayMessage[] = [];
  let inner = datagram;
  while (isRelayed(inner)) {
    const relay = decodeRelayMessage(inner);
    const carried = relay.options.raw(Option.relayMessage.code);
    if (carried === undefined) throw new ProtocolError('DHCP6_RELAY_INVALID', 'a relay message carries no message');
    if (relays.length > hopCountLimit) {
      throw new ProtocolError('DHCP6_RELAY_INVALID', `the message came by more than ${hopCountLimit} relay agents`);
    }
    relays.unshift(relay);
    inner = carried;
  }
  return { message: decodeMessage(inner), relays };
}
