/** Which datagrams of the client port are answers to a client's question, and why the others are not. */

import { ProtocolError } from '../../bytes/index.ts';
import type { AuthenticationKey } from '../authentication.ts';
import { BootOperation, type DhcpMessage, hardwareAddress, messageType, readMessage } from '../message.ts';
import { Option } from '../option.ts';
import type { ClientAuthentication } from './authentication.ts';
import { serverOf } from './offer.ts';
import type { DhcpClientOptions } from './options.ts';

/** A server's message to this client. */
export interface Reply {
  readonly message: DhcpMessage;
  /** MessageType; undefined for BOOTP. */
  readonly type: number | undefined;
  /** The key that it proves; undefined where nobody asks for proof. */
  readonly key: AuthenticationKey | undefined;
}

export type Reception =
  | { readonly kind: 'reply'; readonly reply: Reply }
  /** Another conversation: every broadcast reaches every client. */
  | { readonly kind: 'other' }
  /** An answer with the client's own transaction identifier that must not be believed; `reason` is a clause that follows "it". */
  | { readonly kind: 'discarded'; readonly message: DhcpMessage; readonly reason: string; readonly unproven: boolean };

/** `question` is the transaction that answers belong to. */
export function receiveReply(
  data: Uint8Array,
  question: number,
  options: DhcpClientOptions,
  authentication: ClientAuthentication | undefined,
): Reception {
  const message = readMessage(data);
  if (message === undefined || message.op !== BootOperation.reply || message.xid !== question) return { kind: 'other' };
  const reason = strangeness(message, options);
  if (reason !== undefined) return { kind: 'discarded', message, reason, unproven: false };
  const type = messageType(message);
  if (authentication === undefined) return { kind: 'reply', reply: { message, type, key: undefined } };
  const key = authentication.check(data, serverOf(message));
  if (typeof key === 'string') return { kind: 'discarded', message, reason: key, unproven: true };
  return { kind: 'reply', reply: { message, type, key } };
}

function strangeness(message: DhcpMessage, options: DhcpClientOptions): string | undefined {
  const client = hardwareAddress(message);
  if (client !== options.hardwareAddress) return `is for another client (${client ?? 'of no hardware address'})`;
  if (!isForIdentifier(message, options.clientIdentifier)) return "has another client's identifier (option 61)";
  try {
    messageType(message);
    message.options.get(Option.leaseTime);
    return undefined;
  } catch (error) {
    if (error instanceof ProtocolError) return `does not parse: ${error.message}`;
    throw error;
  }
}

/** RFC 6842 §3: a reply with another client's identifier is another client's. */
function isForIdentifier({ options }: DhcpMessage, own: Uint8Array | undefined): boolean {
  const echoed = options.raw(Option.clientIdentifier.code);
  if (echoed === undefined || own === undefined) return true;
  return echoed.length === own.length && echoed.every((byte, at) => byte === own[at]);
}
