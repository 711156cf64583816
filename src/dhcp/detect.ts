/**
 * Is there a DHCP server on this network already? Asks as a client would, twice, and takes nothing.
 *
 * Sans-I/O like the rest: the owner sends what `start` and `poll` give, hands over what reaches the client port, and reads `servers`
 * when `isDone`.
 */

import {
  AskingTwice,
  IPV4_ANY,
  IPV4_BROADCAST,
  type Ipv4Address,
  type MacAddress,
  ProtocolError,
} from '../bytes/index.ts';
import { serverOf } from './client/offer.ts';
import { clientRequest, type DhcpClientOptions } from './client/options.ts';
import { type Datagram, DhcpPort, type Endpoint } from './datagram.ts';
import {
  BootOperation,
  type DhcpMessage,
  decodeMessage,
  encodeMessage,
  hardwareAddress,
  MessageType,
  messageType,
} from './message.ts';

export interface DetectedServer {
  readonly serverIdentifier: Ipv4Address;
  readonly from: Endpoint;
  /** `address`: gives addresses. `proxy`: gives boot parameters only. */
  readonly kind: 'address' | 'proxy';
  readonly offer: DhcpMessage;
}

export interface DetectionOptions {
  /** Of the interface: a switch may drop frames that claim another. */
  readonly hardwareAddress: MacAddress;
  /** What to say of oneself: servers answer some kinds of clients otherwise than others. */
  readonly client?: Omit<DhcpClientOptions, 'hardwareAddress'>;
  /** Milliseconds to listen; the question is repeated at half of it. Default 3000. */
  readonly window?: number;
  /** Servers that are not news: this machine's own. */
  readonly ignore?: readonly Ipv4Address[];
}

const defaultWindow = 3000;
const mostServers = 32;

export class ServerDetection {
  readonly #options: DetectionOptions;
  readonly #xid: number;
  readonly #servers = new Map<string, DetectedServer>();
  readonly #asking: AskingTwice;

  /** `random` gives [0, 1). */
  constructor(options: DetectionOptions, random: () => number) {
    this.#options = options;
    this.#xid = Math.floor(random() * 2 ** 32);
    this.#asking = new AskingTwice(options.window ?? defaultWindow);
  }

  get servers(): readonly DetectedServer[] {
    return [...this.#servers.values()];
  }

  get isDone(): boolean {
    return this.#asking.isOver;
  }

  /** When `poll` must be called; undefined once done. */
  get deadline(): number | undefined {
    return this.#asking.deadline;
  }

  start(now: number): Datagram[] {
    this.#asking.begin(now);
    return [this.#discover()];
  }

  poll(now: number): Datagram[] {
    return this.#asking.isDue(now) ? [this.#discover()] : [];
  }

  receive(data: Uint8Array, from: Endpoint): void {
    const offer = this.#offer(data);
    if (offer === undefined || this.isDone) return;
    const serverIdentifier = serverOf(offer);
    if (this.#options.ignore?.includes(serverIdentifier) === true || this.#servers.size >= mostServers) return;
    const kind = offer.yiaddr === IPV4_ANY ? 'proxy' : 'address';
    this.#servers.set(`${serverIdentifier} ${kind}`, { serverIdentifier, from, kind, offer });
  }

  #discover(): Datagram {
    const { hardwareAddress, client } = this.#options;
    const message = clientRequest({ ...client, hardwareAddress }, MessageType.discover, { xid: this.#xid });
    return { data: encodeMessage(message), to: { address: IPV4_BROADCAST, port: DhcpPort.server } };
  }

  #offer(data: Uint8Array): DhcpMessage | undefined {
    try {
      const message = decodeMessage(data);
      if (message.op !== BootOperation.reply || message.xid !== this.#xid) return undefined;
      if (hardwareAddress(message) !== this.#options.hardwareAddress) return undefined;
      const type = messageType(message);
      return type === MessageType.offer || type === undefined ? message : undefined;
    } catch (error) {
      if (error instanceof ProtocolError) return undefined;
      throw error;
    }
  }
}
