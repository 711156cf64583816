/** One line about a message, for logs: who says what, and what matters in it. */

import { formatDuid } from './duid.ts';
import { type Dhcp6Message, MessageType } from './message.ts';
import { Option } from './option.ts';

const typeNames = new Map<number, string>(
  Object.entries(MessageType).map(([name, value]) => [value, name.replaceAll(/[A-Z]/g, '-$&').toUpperCase()]),
);

/** `SOLICIT`, `ADVERTISE`, ... */
export function messageTypeName({ type }: Pick<Dhcp6Message, 'type'>): string {
  return typeNames.get(type) ?? `message type ${type}`;
}

export function summary(message: Dhcp6Message): string {
  const { options, transactionId } = message;
  const clientIdentifier = options.find(Option.clientIdentifier);
  const serverIdentifier = options.find(Option.serverIdentifier);
  const status = options.find(Option.statusCode);
  return [
    messageTypeName(message),
    `transaction ${transactionId.toString(16).padStart(6, '0')}`,
    ...named('client', clientIdentifier && formatDuid(clientIdentifier)),
    ...named('server', serverIdentifier && formatDuid(serverIdentifier)),
    ...addressesOf(message).map((address) => `address ${address}`),
    ...named('boot file', options.find(Option.bootFileUrl)),
    ...named('status', status && `${status.code} ${status.message}`),
  ].join(', ');
}

function addressesOf({ options }: Dhcp6Message): string[] {
  return options.findAll(Option.iaNa).flatMap((association) => {
    return association.options.findAll(Option.iaAddress).map(({ address }) => address);
  });
}

/** The text comes from the network and must not break the line of a log. */
function named(name: string, value: string | undefined): string[] {
  return value === undefined ? [] : [`${name} ${value.replaceAll(/[\0-\x1f\x7f]/g, '?')}`];
}
