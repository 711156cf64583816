/** One line about a message, for logs: who says what to whom, and what matters in it. */

import { IPV4_ANY, printable } from '../bytes/index.ts';
import { isIpxe } from './boot-client.ts';
import { BootOperation, type DhcpMessage, hardwareAddress, MessageType } from './message.ts';
import { Option } from './option.ts';

const typeNames = new Map<number, string>(
  Object.entries(MessageType).map(([name, value]) => [value, name.toUpperCase()]),
);

/** `DISCOVER`, `OFFER`, ...; BOOTP messages have no type. */
export function messageTypeName(message: DhcpMessage): string {
  const type = message.options.find(Option.messageType);
  if (type !== undefined) return typeNames.get(type) ?? `message type ${type}`;
  return message.op === BootOperation.reply ? 'BOOTREPLY' : 'BOOTREQUEST';
}

export function summary(message: DhcpMessage): string {
  const client = hardwareAddress(message) ?? `hardware type ${message.htype}`;
  const xid = message.xid.toString(16).padStart(8, '0');
  const facts = message.op === BootOperation.reply ? replyFacts(message) : requestFacts(message);
  const direction = message.op === BootOperation.reply ? 'to' : 'from';
  return [`${messageTypeName(message)} ${direction} ${client}`, `xid ${xid}`, ...facts].join(', ');
}

function requestFacts(message: DhcpMessage): string[] {
  const { options, ciaddr, giaddr } = message;
  const architecture = options.find(Option.clientArchitecture);
  return facts({
    'asks for': options.find(Option.requestedAddress),
    has: ciaddr === IPV4_ANY ? undefined : ciaddr,
    'by relay': giaddr === IPV4_ANY ? undefined : giaddr,
    server: options.find(Option.serverIdentifier),
    class: options.find(Option.vendorClass),
    architecture: architecture?.join('/'),
    runs: isIpxe(message) ? 'iPXE' : undefined,
  });
}

function replyFacts({ options, yiaddr, siaddr, file }: DhcpMessage): string[] {
  return facts({
    address: yiaddr === IPV4_ANY ? undefined : yiaddr,
    server: options.find(Option.serverIdentifier),
    'next server': siaddr === IPV4_ANY ? undefined : siaddr,
    file: file === '' ? options.find(Option.bootFileName) : file,
    'root path': options.find(Option.rootPath),
    says: options.find(Option.message),
  });
}

function facts(named: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(named).flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${printable(value)}`]));
}
