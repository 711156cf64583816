/** What the state machines take from and give to the sockets of their owner. */

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** A UDP datagram to send. */
export interface Datagram {
  readonly data: Uint8Array;
  readonly to: Endpoint;
}

export const DhcpPort = { server: 67, client: 68, proxy: 4011 } as const;
