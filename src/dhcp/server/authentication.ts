/**
 * The server's side of delayed authentication (RFC 3118 §5.6): it proves its answers to clients that ask for that, and takes from them
 * only what they prove. A client that has a key of its own must use it: without proof, anybody could be it.
 */

import type { MacAddress } from '../../bytes/index.ts';
import {
  type AuthenticationKey,
  checkDatagram,
  ReplayCounters,
  signDatagram,
  unsignedAuthentication,
} from '../authentication.ts';
import type { AuthenticationKeyEntry } from '../authentication-file.ts';
import { type DhcpMessage, MessageType, messageType } from '../message.ts';

export type ClientProof =
  /** The answer needs none. */
  | { readonly kind: 'none' }
  /** The answer is signed with the key. */
  | { readonly kind: 'key'; readonly key: AuthenticationKey }
  /** The message must be discarded. */
  | { readonly kind: 'refused' };

const none: ClientProof = { kind: 'none' };
const refused: ClientProof = { kind: 'refused' };
/** Clients whose last counter is remembered. */
const mostClients = 65_536;

export class ServerAuthentication {
  readonly #entries: readonly AuthenticationKeyEntry[];
  readonly #counters = new ReplayCounters(mostClients);

  constructor(entries: readonly AuthenticationKeyEntry[]) {
    this.#entries = entries;
  }

  /** What a message proves, which `datagram` was read as. */
  check(datagram: Uint8Array, message: DhcpMessage, client: MacAddress | undefined): ClientProof {
    const keys = this.#keysOf(client);
    const authenticity = checkDatagram(datagram, (identifier) =>
      keys.find(({ secretIdentifier }) => secretIdentifier === identifier),
    );
    switch (authenticity.kind) {
      case 'absent':
        return keys.some((entry) => entry.client !== undefined) ? refused : none;
      case 'request':
        return this.#answerTo(message, keys);
      case 'proven': {
        const { key, replayDetection } = authenticity;
        const isNew = this.#counters.advance(`${client ?? ''} ${key.secretIdentifier}`, replayDetection);
        return isNew ? { kind: 'key', key } : refused;
      }
      case 'refuted':
        return refused;
    }
  }

  /** DISCOVER and INFORM alone ask without a proof (RFC 3118 §5.2); without a key for the client, it decides what to make of the answer. */
  #answerTo(message: DhcpMessage, [key]: readonly AuthenticationKeyEntry[]): ClientProof {
    const type = messageType(message);
    if (type !== MessageType.discover && type !== MessageType.inform) return refused;
    return key === undefined ? none : { kind: 'key', key };
  }

  /**
   * Its own, or else those of everybody: whoever has one of those must not pass for a client with its own. In the order of the file, so
   * that a client always has the same first key (RFC 3118 §5.6.1).
   */
  #keysOf(client: MacAddress | undefined): readonly AuthenticationKeyEntry[] {
    const own = client === undefined ? [] : this.#entries.filter((entry) => entry.client === client);
    return own.length > 0 ? own : this.#entries.filter((entry) => entry.client === undefined);
  }

  /** The value of option 90 for an answer; `now` is in milliseconds since the Unix epoch. */
  unsigned(key: AuthenticationKey, now: number): Uint8Array {
    return unsignedAuthentication(key, this.#counters.next(now));
  }

  sign(datagram: Uint8Array, key: AuthenticationKey): void {
    signDatagram(datagram, key);
  }
}
