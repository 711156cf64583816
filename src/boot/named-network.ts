/** The network of a machine that knows no name server of its own: names are asked of those that DHCP or a router has named. */

import { isIpv4 } from '../bytes/index.ts';
import type { Endpoint, Network, TcpConnection, UdpOptions } from '../os/network.ts';

export class NamedNetwork implements Network {
  readonly #network: Network;
  readonly #nameServers: readonly string[] | undefined;
  readonly #prefersIpv6: boolean;

  /** Without name servers the machine's own are asked. The addresses of the family that is booted over come first. */
  constructor(network: Network, nameServers: readonly string[] | undefined, family: 'ipv4' | 'ipv6') {
    this.#network = network;
    this.#nameServers = nameServers;
    this.#prefersIpv6 = family === 'ipv6';
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

  async resolve(host: string) {
    const addresses = await this.#network.resolve(host, this.#nameServers);
    return addresses.toSorted((one, other) => this.#rank(one) - this.#rank(other));
  }

  #rank(address: string): number {
    return isIpv4(address) === this.#prefersIpv6 ? 1 : 0;
  }
}
