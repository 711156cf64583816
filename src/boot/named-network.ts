/** How a machine that boots over one interface finds hosts: by the name servers of that network, and at the link of that interface. */

import { addressBytes, ipv6OfLiteral, ipv6Scope, isIpv4 } from '../bytes/index.ts';
import type { Endpoint, Network, TcpConnection, UdpOptions } from '../os/network.ts';

export interface Naming {
  /** That DHCP or a router has named; without any the machine's own are asked. */
  readonly nameServers?: readonly string[];
  /** Whose addresses come first; without it they come as the machine orders them. */
  readonly family?: 'ipv4' | 'ipv6';
  /** The name of the interface that link-local addresses are of. */
  readonly interface: string;
}

export class NamedNetwork implements Network {
  readonly #network: Network;
  readonly #naming: Naming;

  constructor(network: Network, naming: Naming) {
    this.#network = network;
    this.#naming = naming;
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
    const { nameServers = [], family } = this.#naming;
    const ofLink = (address: string) => (isLinkLocal(address) ? `${address}%${this.#naming.interface}` : address);
    const asked = nameServers.length === 0 ? undefined : nameServers.map(ofLink);
    const addresses = await this.#network.resolve(host, asked);
    const rank = (address: string) => (isIpv4(address) === (family === 'ipv6') ? 1 : 0);
    const ordered = family === undefined ? addresses : addresses.toSorted((one, other) => rank(one) - rank(other));
    return ordered.map(ofLink);
  }
}

/** Whether somebody has to be asked for the addresses of a host. */
export function isName(host: string | undefined): boolean {
  return host !== undefined && addressBytes(host) === undefined;
}

/** One that has its interface behind it already is no bare literal. */
function isLinkLocal(text: string): boolean {
  const address = ipv6OfLiteral(text);
  return address !== undefined && ipv6Scope(address) === 'link-local';
}
