/**
 * Is there a DHCPv6 server on this link that gives addresses? Asks as a client would (RFC 8415 §18.2.1), twice, and takes nothing:
 * servers send their Advertise to the client alone, so that others hear of it only by asking themselves.
 *
 * Sans-I/O like the rest: the owner sends what `start` and `poll` give, and hands over what reaches the client port.
 */

import { AskingTwice, ProtocolError } from '../bytes/index.ts';
import { offersAddresses } from './client/advertise.ts';
import { clientMessage } from './client/options.ts';
import { allRelayAgentsAndServers, type Datagram, Dhcp6Port } from './datagram.ts';
import { sameDuid } from './duid.ts';
import { type Dhcp6Message, decodeMessage, encodeMessage, MessageType } from './message.ts';
import { Option } from './option.ts';

export interface DetectionOptions {
  /** Of the one who asks: its interface's. */
  readonly duid: Uint8Array;
  /** Milliseconds to listen; the question is repeated at half of it. */
  readonly window: number;
}

/** Whose address it would be is nobody's matter. */
const IAID = 1;

export class ServerDetection {
  readonly #options: DetectionOptions;
  readonly #transactionId: number;
  #startedAt = 0;
  readonly #asking: AskingTwice;

  /** `random` gives [0, 1). */
  constructor(options: DetectionOptions, random: () => number) {
    this.#options = options;
    this.#transactionId = Math.floor(random() * 2 ** 24);
    this.#asking = new AskingTwice(options.window);
  }

  /** When `poll` must be called; undefined once done. */
  get deadline(): number | undefined {
    return this.#asking.deadline;
  }

  start(now: number): Datagram {
    this.#startedAt = now;
    this.#asking.begin(now);
    return this.#solicit(now);
  }

  poll(now: number): Datagram | undefined {
    return this.#asking.isDue(now) ? this.#solicit(now) : undefined;
  }

  /** The DUID of the server that has sent this; undefined for whatever gives no address to who asked. */
  receive(data: Uint8Array): Uint8Array | undefined {
    try {
      const message = decodeMessage(data);
      return this.#isAnswer(message) ? message.options.get(Option.serverIdentifier) : undefined;
    } catch (error) {
      if (error instanceof ProtocolError) return undefined;
      throw error;
    }
  }

  #isAnswer(message: Dhcp6Message): boolean {
    const { type, transactionId, options } = message;
    if (type !== MessageType.advertise || transactionId !== this.#transactionId) return false;
    return sameDuid(options.get(Option.clientIdentifier), this.#options.duid) && offersAddresses(message, IAID);
  }

  #solicit(now: number): Datagram {
    const message = clientMessage(
      { duid: this.#options.duid, iaid: IAID, mode: 'stateful' },
      {
        type: MessageType.solicit,
        transactionId: this.#transactionId,
        elapsed: (now - this.#startedAt) / 10,
        addresses: [],
      },
    );
    return { data: encodeMessage(message), to: { address: allRelayAgentsAndServers, port: Dhcp6Port.server } };
  }
}
