/** The network of a machine that knows no name server of its own: names are asked of those that DHCP has named (option 6). */

import type { Ipv4Address } from '../bytes/index.ts';
import type { Endpoint, Network, TcpConnection, UdpOptions } from '../os/network.ts';

export class NamedNetwork implements Network {
  readonly #network: Network;
  readonly #nameServers: readonly Ipv4Address[];

  constructor(network: Network, nameServers: readonly Ipv4Address[]) {
    this.#network = network;
    this.#nameServers = nameServers;
  }

  listenTcp(endpoint: Endpoint, accept: (connection: TcpConnection) => void) {
    return this.#network.listenTcp(endpoint, accept);
  }

  connectTcp(endpoint: Endpoint, options: Parameters<Network['connectTcp']>[1]) {
    return this.#network.connectTcp(endpoint, options);
  }

  openUdp(options: UdpOptions) {
    return this.#network.openUdp(options);
  }

  interfaces() {
    return this.#network.interfaces();
  }

  resolve(host: string) {
    return this.#network.resolve(host, this.#nameServers);
  }
}
