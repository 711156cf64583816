/**
 * Where other DHCP servers show themselves: a client that chooses one of them says so to everybody (RFC 2131 §3.1, step 3), and what
 * a server broadcasts to its clients is heard as well.
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
import type { Network } from '../os/network.ts';
import { OtherServers, type OtherServersOptions } from './other-servers.ts';

export interface OtherDhcpServersOptions extends Omit<OtherServersOptions, 'protocol'> {
  /** All addresses of this machine. */
  readonly own: readonly Ipv4Address[];
}

export class OtherDhcpServers {
  readonly #options: OtherDhcpServersOptions;
  readonly #others: OtherServers;

  constructor(options: OtherDhcpServersOptions) {
    this.#options = options;
    this.#others = new OtherServers({ ...options, protocol: 'DHCP' });
  }

  /** What this server makes of the messages of clients. */
  observe(event: DhcpServerEvent): void {
    if (event.type !== 'ignored' || event.reason !== 'other-server') return;
    if (messageType(event.message) === MessageType.request) this.#notice(event.message);
  }

  /**
   * Hears what is broadcast to clients, but for what this server sends: nothing that is sent to one client alone, which may be this
   * machine's own. Goes on without it where another program keeps the port to itself.
   */
  async listen(network: Network): Promise<AsyncDisposable | undefined> {
    const { interface: name, own } = this.#options;
    const where = { interface: name, address: IPV4_BROADCAST, port: DhcpPort.client, reuseAddress: true };
    try {
      const socket = await network.openUdp({ ...where, notFrom: own });
      socket.start({ message: (data) => this.hear(data), error: () => {} });
      return socket;
    } catch (error) {
      if (!(error instanceof DisklessError) || error.code !== 'NETWORK_PORT_IN_USE') throw error;
      this.#others.isBlind(error.code, error.message);
      return undefined;
    }
  }

  /** A datagram that a server has sent to the client port. A proxyDHCP server, which gives no addresses, is none of the others. */
  hear(data: Uint8Array): void {
    const message = readMessage(data);
    if (message === undefined || message.op !== BootOperation.reply || message.yiaddr === IPV4_ANY) return;
    const type = message.options.find(Option.messageType);
    if (type === MessageType.offer || type === MessageType.ack) this.#notice(message);
  }

  #notice(message: DhcpMessage): void {
    const server = message.options.find(Option.serverIdentifier);
    if (server !== undefined) this.#others.notice(server, { mac: hardwareAddress(message) });
  }
}
