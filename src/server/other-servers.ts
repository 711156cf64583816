/**
 * Other DHCP servers on a network that this one serves in full. A client that chooses one of them says so to everybody (RFC 2131 §3.1,
 * step 3), and what a server broadcasts to its clients is heard as well. Machines would get an address there and no disk, now and
 * then, and nobody would know why.
 */

import { DisklessError, IPV4_ANY, IPV4_BROADCAST, type Ipv4Address } from '../bytes/index.ts';
import { DhcpPort } from '../dhcp/datagram.ts';
import {
  BootOperation,
  type DhcpMessage,
  hardwareAddress,
  MessageType,
  messageType,
  readMessage,
} from '../dhcp/message.ts';
import { Option } from '../dhcp/option.ts';
import type { DhcpServerEvent } from '../dhcp/server/event.ts';
import type { Clock } from '../os/clock.ts';
import type { Network } from '../os/network.ts';
import type { ServerEventBody } from './events.ts';

/** A server is told of again after this long, in milliseconds. */
const AGAIN = 3_600_000;
/** Anybody can name any server; more than these are not remembered. */
const MOST_SERVERS = 32;

export interface OtherServersOptions {
  readonly interface: string;
  /** All addresses of this machine. */
  readonly own: readonly Ipv4Address[];
  readonly clock: Clock;
  readonly emit: (event: ServerEventBody) => void;
}

export class OtherServers {
  readonly #options: OtherServersOptions;
  /** When each was last told of, in milliseconds since the Unix epoch. */
  readonly #told = new Map<Ipv4Address, number>();

  constructor(options: OtherServersOptions) {
    this.#options = options;
  }

  /** What this server makes of the messages of clients. */
  observe(event: DhcpServerEvent): void {
    if (event.type !== 'ignored' || event.reason !== 'other-server') return;
    if (messageType(event.message) === MessageType.request) this.#tell(event.message);
  }

  /**
   * Hears what is broadcast to clients, but for what this server sends: nothing that is sent to one client alone, which may be this
   * machine's own. Goes on without it where another program keeps the port to itself.
   */
  async listen(network: Network): Promise<AsyncDisposable | undefined> {
    const { interface: name, own, emit } = this.#options;
    const where = { interface: name, address: IPV4_BROADCAST, port: DhcpPort.client, reuseAddress: true };
    try {
      const socket = await network.openUdp({ ...where, notFrom: own });
      socket.start({ message: (data) => this.hear(data), error: () => {} });
      return socket;
    } catch (error) {
      if (!(error instanceof DisklessError) || error.code !== 'NETWORK_PORT_IN_USE') throw error;
      const text = `other DHCP servers on ${name} are noticed only when a client chooses one: ${error.message}`;
      emit({ event: 'trouble', code: error.code, text });
      return undefined;
    }
  }

  /** A datagram that a server has sent to the client port. A proxyDHCP server, which gives no addresses, is none of the others. */
  hear(data: Uint8Array): void {
    const message = readMessage(data);
    if (message === undefined || message.op !== BootOperation.reply || message.yiaddr === IPV4_ANY) return;
    const type = message.options.find(Option.messageType);
    if (type === MessageType.offer || type === MessageType.ack) this.#tell(message);
  }

  #tell(message: DhcpMessage): void {
    const { interface: name, own, clock, emit } = this.#options;
    const server = message.options.find(Option.serverIdentifier);
    if (server === undefined || own.includes(server)) return;
    const now = clock.now();
    if (now - (this.#told.get(server) ?? Number.NEGATIVE_INFINITY) < AGAIN) return;
    if (!this.#told.has(server) && this.#told.size >= MOST_SERVERS) return;
    this.#told.set(server, now);
    const text = `the DHCP server ${server} gives addresses on ${name} too: stop it there, or run this one with --dhcp proxy`;
    const mac = hardwareAddress(message);
    emit({ event: 'trouble', code: 'DHCP_OTHER_SERVER', text, ...(mac === undefined ? {} : { mac }) });
  }
}
