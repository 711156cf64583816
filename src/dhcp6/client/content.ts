/** What a client says in each of its states: the type of the message, to whom, and of which addresses (RFC 8415 §18.2). */

import type { Ipv6Address } from '../../bytes/index.ts';
import { allRelayAgentsAndServers, Dhcp6Port } from '../datagram.ts';
import { type Dhcp6Message, encodeMessage, MessageType } from '../message.ts';
import { Option } from '../option.ts';
import { associationOf, type Dhcp6Lease } from './lease.ts';
import { clientMessage, type Dhcp6ClientOptions, type MessageContent } from './options.ts';
import type { Dhcp6ClientAction, Sending } from './state.ts';

/** The message of a state, with the time that has passed (RFC 8415 §15). */
export function messageOf(state: Sending, options: Dhcp6ClientOptions, now: number): Dhcp6ClientAction {
  const { transactionId, firstSentAt } = state.transmission;
  const elapsed = (now - firstSentAt) / 10;
  const message = clientMessage(options, { ...contentOf(state, options.iaid), transactionId, elapsed });
  const to = { address: allRelayAgentsAndServers, port: Dhcp6Port.server };
  return { type: 'send', message, datagram: { data: encodeMessage(message), to } };
}

/** All but the transaction and its time. */
type StateContent = Pick<MessageContent, 'type' | 'serverIdentifier' | 'addresses'>;

function contentOf(state: Sending, iaid: number): StateContent {
  switch (state.name) {
    case 'soliciting':
      return { type: MessageType.solicit, addresses: [] };
    case 'requesting': {
      const { advertise } = state.choice;
      const serverIdentifier = advertise.options.find(Option.serverIdentifier);
      return { type: MessageType.request, serverIdentifier, addresses: offeredAddresses(advertise, iaid) };
    }
    case 'reclaiming':
      return { type: MessageType.request, ...ofLease(state.lease) };
    case 'confirming':
      return { type: MessageType.confirm, addresses: ofLease(state.lease).addresses };
    case 'renewing':
      return { type: MessageType.renew, ...ofLease(state.lease) };
    case 'rebinding':
      return { type: MessageType.rebind, addresses: ofLease(state.lease).addresses };
    case 'releasing':
    case 'declining': {
      const type = state.name === 'releasing' ? MessageType.release : MessageType.decline;
      return { type, serverIdentifier: state.serverIdentifier, addresses: state.addresses };
    }
    case 'informing':
      return { type: MessageType.informationRequest };
  }
}

function ofLease({ serverIdentifier, addresses }: Dhcp6Lease) {
  return { serverIdentifier, addresses: addresses.map(({ address }) => address) };
}

function offeredAddresses(advertise: Dhcp6Message, iaid: number): Ipv6Address[] {
  return (
    associationOf(advertise, iaid)
      ?.options.findAll(Option.iaAddress)
      .map(({ address }) => address) ?? []
  );
}
