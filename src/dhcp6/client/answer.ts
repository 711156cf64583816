/** Which datagrams of the client port are answers to a client's question. */

import { ProtocolError } from '../../bytes/index.ts';
import { sameDuid } from '../duid.ts';
import { type Dhcp6Message, decodeMessage } from '../message.ts';
import { Option } from '../option.ts';

/**
 * Undefined for what is none (RFC 8415 §16.3, §16.10). Reconfigure (§16.11) is refused, as this client never offers to take any.
 * Anybody can send to this port: what does not parse is not an answer.
 */
export function readAnswer(data: Uint8Array, question: number, duid: Uint8Array): Dhcp6Message | undefined {
  try {
    const message = decodeMessage(data);
    const { transactionId, options } = message;
    if (transactionId !== question || !sameDuid(options.get(Option.clientIdentifier), duid)) return undefined;
    return options.get(Option.serverIdentifier) === undefined ? undefined : message;
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
