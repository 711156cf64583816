/** The client's part of delayed authentication (RFC 3118 §5.5): asks for it, proves itself, and believes only who proves itself. */

import type { Ipv4Address } from '../../bytes/index.ts';
import {
  type AuthenticationKey,
  authenticationRequest,
  checkDatagram,
  ReplayCounters,
  signDatagram,
  unsignedAuthentication,
} from '../authentication.ts';
import { type DhcpMessage, encodeMessage } from '../message.ts';
import { Option } from '../option.ts';

/** More servers than a network has; what is forgotten of one is only its counter. */
const mostServers = 64;

export interface ClientAuthenticationOptions {
  /** The preferred one first; at least one. */
  readonly keys: readonly AuthenticationKey[];
  /** Milliseconds since the Unix epoch: what is sent counts with it. */
  readonly now: () => number;
}

/** How a message is to prove itself: by a key, or, before the server has chosen one, by asking for an authenticated answer. */
export type Proof = AuthenticationKey | 'request';

export class ClientAuthentication {
  readonly #keys: ReadonlyMap<number, AuthenticationKey>;
  readonly #now: () => number;
  readonly #counters = new ReplayCounters(mostServers);

  constructor({ keys, now }: ClientAuthenticationOptions) {
    this.#keys = new Map(keys.map((key) => [key.secretIdentifier, key]));
    this.#now = now;
  }

  /** The key to begin with, where no server has chosen one. */
  get firstKey(): AuthenticationKey | undefined {
    return this.#keys.values().next().value;
  }

  /** The datagram of a message, with its proof in it. */
  encode(message: DhcpMessage, proof: Proof): Uint8Array {
    const counter = this.#counters.next(this.#now());
    const value = proof === 'request' ? authenticationRequest(counter) : unsignedAuthentication(proof, counter);
    message.options.setRaw(Option.authentication.code, value);
    const datagram = encodeMessage(message);
    if (proof !== 'request') signDatagram(datagram, proof);
    return datagram;
  }

  /** The key that a server's datagram proves, or, as a clause that follows "it", why it must be discarded (RFC 3118 §5.3). */
  check(datagram: Uint8Array, server: Ipv4Address): AuthenticationKey | string {
    const authenticity = checkDatagram(datagram, (secretIdentifier) => this.#keys.get(secretIdentifier));
    switch (authenticity.kind) {
      case 'absent':
      case 'request':
        return 'is not authenticated';
      case 'refuted':
        return authenticity.reason;
      case 'proven':
        if (this.#counters.advance(server, authenticity.replayDetection)) return authenticity.key;
        return 'was sent before: its replay counter has not risen';
    }
  }
}
