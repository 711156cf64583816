/** What a DHCP client does, a line for each of its actions. */

import { type DhcpLease, serverText } from '../dhcp/client/lease.ts';
import { isProxyOffer, type RankedOffer, serverOf } from '../dhcp/client/offer.ts';
import type { DhcpClientAction } from '../dhcp/client/state.ts';
import { type DhcpMessage, MessageType, messageType } from '../dhcp/message.ts';
import { Option } from '../dhcp/option.ts';
import { messageTypeName } from '../dhcp/summary.ts';

/** Undefined for what an error tells anyway. */
export function narrate(action: DhcpClientAction, interfaceName: string): string | undefined {
  switch (action.type) {
    case 'send':
      return `${messageTypeName(action.message)} on ${interfaceName}`;
    case 'offer':
      return `${heard(action.message)} from ${serverText(serverOf(action.message))}${carried(action.message)}`;
    case 'chosen':
      return chosen(action.ranking);
    case 'discarded':
      return `an answer of ${action.server} is discarded: it ${action.reason}`;
    case 'bound':
      return `${given(action.lease)}: ${reason(action.lease)}${proof(action.lease)}`;
    case 'renewed':
      return `${given(action.lease)} for longer${proof(action.lease)}`;
    case 'nak':
      return `${action.server} refuses: ${action.message}`;
    case 'lost':
      return `${action.lease.address} must not be used any more`;
    case 'failed':
      return undefined;
  }
}

function heard(message: DhcpMessage): string {
  if (messageType(message) === undefined) return `BOOTP reply with ${message.yiaddr}`;
  if (messageType(message) === MessageType.ack) return 'parameters';
  return isProxyOffer(message) ? 'boot parameters' : `offer of ${message.yiaddr}`;
}

function carried({ options }: DhcpMessage): string {
  const rootPath = options.find(Option.rootPath);
  return rootPath === undefined ? ', without a Root Path' : `, Root Path ${JSON.stringify(rootPath)}`;
}

/** More would fill a screen and help nobody. */
const mostNamed = 4;

function chosen([first, ...others]: readonly RankedOffer[]): string | undefined {
  if (first === undefined) return undefined;
  const rest = others.slice(0, mostNamed).map(({ message, reason }) => `${serverOf(message)}, which ${reason}`);
  const more = others.length > mostNamed ? [`${others.length - mostNamed} more`] : [];
  return `the offer of ${serverOf(first.message)} goes first, as it ${first.reason}; then ${[...rest, ...more].join('; ')}`;
}

function given({ serverIdentifier, address, reply }: DhcpLease): string {
  const what = reply.yiaddr === address ? `gives ${address}` : `gives parameters for ${address}`;
  return `${serverText(serverIdentifier)} ${what}`;
}

function reason({ reason, offer }: DhcpLease): string {
  return offer === undefined ? `it ${reason}` : `its offer ${reason}`;
}

function proof({ key }: DhcpLease): string {
  return key === undefined ? '' : `, and it has the key ${key.secretIdentifier}`;
}
