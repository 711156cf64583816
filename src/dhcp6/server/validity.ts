/** Which options a message to a server must and must not have (RFC 8415 §16). */

import { sameDuid } from '../duid.ts';
import { type Dhcp6Message, MessageType } from '../message.ts';
import { Option } from '../option.ts';
import type { IgnoreReason } from './event.ts';

interface Rule {
  readonly clientIdentifier: 'must' | 'may';
  readonly serverIdentifier: 'must' | 'must-not' | 'may';
  readonly associations: 'may' | 'must-not';
}

const toAll: Rule = { clientIdentifier: 'must', serverIdentifier: 'must-not', associations: 'may' };
const toOne: Rule = { clientIdentifier: 'must', serverIdentifier: 'must', associations: 'may' };

const rules: Readonly<Record<number, Rule>> = {
  [MessageType.solicit]: toAll,
  [MessageType.request]: toOne,
  [MessageType.confirm]: toAll,
  [MessageType.renew]: toOne,
  [MessageType.rebind]: toAll,
  [MessageType.release]: toOne,
  [MessageType.decline]: toOne,
  [MessageType.informationRequest]: { clientIdentifier: 'may', serverIdentifier: 'may', associations: 'must-not' },
};

const associationCodes: readonly number[] = [Option.iaNa.code, Option.iaTa.code, Option.iaPd.code];

/** For all servers, and so never to be sent to one alone (RFC 8415 §16). */
const multicastOnly: readonly number[] = [
  MessageType.solicit,
  MessageType.confirm,
  MessageType.rebind,
  MessageType.informationRequest,
];

/**
 * Why the message is not for the server with this DUID; undefined when it is. `isToThisOne`: it came to an address of this server's
 * own. Raises DHCP6_OPTION_INVALID.
 */
export function reasonToIgnore(
  { type, options }: Dhcp6Message,
  own: Uint8Array,
  isToThisOne: boolean,
): IgnoreReason | undefined {
  const rule = rules[type];
  if (rule === undefined) return 'unexpected';
  if (isToThisOne && multicastOnly.includes(type)) return 'unicast';
  const client = options.get(Option.clientIdentifier);
  const server = options.get(Option.serverIdentifier);
  if (client === undefined && rule.clientIdentifier === 'must') return 'invalid';
  if (server === undefined ? rule.serverIdentifier === 'must' : rule.serverIdentifier === 'must-not') return 'invalid';
  if (rule.associations === 'must-not' && options.codes().some((code) => associationCodes.includes(code)))
    return 'invalid';
  return server !== undefined && !sameDuid(server, own) ? 'other-server' : undefined;
}
