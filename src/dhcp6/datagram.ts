/** What the state machines take from and give to the sockets of their owner, and where DHCPv6 is spoken (RFC 8415 §7.1, §7.2). */

export interface Endpoint {
  /** An IPv6 literal; a link-local one from a socket has its zone behind it (`fe80::1%eth0`). */
  readonly address: string;
  readonly port: number;
}

/** A UDP datagram to send. */
export interface Datagram {
  readonly data: Uint8Array;
  readonly to: Endpoint;
}

export const Dhcp6Port = { client: 546, server: 547 } as const;

/** All_DHCP_Relay_Agents_and_Servers: of one link. */
export const allRelayAgentsAndServers = 'ff02::1:2';
/** All_DHCP_Servers: of a site, for relay agents. */
export const allServers = 'ff05::1:3';
