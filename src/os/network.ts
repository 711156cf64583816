/**
 * The network as the rest of the house sees it: TCP connections, UDP sockets, interfaces. The real one is `nodeNetwork`
 * (node-network.ts); tests run the same code over a simulated one.
 */

import type { Ipv4Address, Ipv6Address, MacAddress } from '../bytes/index.ts';

/** An address and a port; `address` is an IPv4 or IPv6 literal without brackets. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** What a connection tells its owner. Set once, before any data can arrive. */
export interface StreamHandler {
  /** Bytes in order; the buffer belongs to the handler from now on. */
  data(chunk: Uint8Array): void;
  /** What `write` held back has left this process; writing may go on. */
  drain(): void;
  /** The last call: both directions are over. `error` says why when it was not a clean end. */
  closed(error: Error | undefined): void;
}

/** A connection that carries bytes in order both ways: by TCP, or by a socket of the file system. */
export interface StreamConnection {
  /** Bytes written but not yet taken by the kernel. */
  readonly bufferedBytes: number;
  /** Starts the flow of data. */
  start(handler: StreamHandler): void;
  /**
   * Queues bytes without copying them: they must not change until they have left. Everything written in one turn of the event
   * loop leaves in one system call. False when the owner should stop producing until `drain`.
   */
  write(chunk: Uint8Array): boolean;
  /** Hands to the kernel now what this turn of the loop has written, and not at the turn's end. */
  flush(): void;
  /** `flush` will follow in this call: what is written before it need not be waited for at the turn's end. */
  hold(): void;
  /** Stops and resumes `data`: back-pressure towards the sender. */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then ends. */
  end(): void;
  /** Ends at once and drops what is queued. */
  destroy(error?: Error): void;
}

export type TcpHandler = StreamHandler;

export interface TcpConnection extends StreamConnection {
  readonly local: Endpoint;
  readonly remote: Endpoint;
}

export interface TcpListener extends AsyncDisposable {
  readonly endpoint: Endpoint;
  /** Takes no more connections, and frees the port. Those that there are go on. */
  close(): Promise<void>;
}

export interface UdpHandler {
  message(data: Uint8Array, from: Endpoint): void;
  error(error: Error): void;
}

export interface UdpSocket extends AsyncDisposable {
  readonly local: Endpoint;
  start(handler: UdpHandler): void;
  /** Sends one datagram. An address that cannot be reached is reported through `error`, not raised. */
  send(data: Uint8Array, to: Endpoint): void;
  close(): Promise<void>;
}

export interface UdpOptions {
  /** Address to bind, which says whether the socket is one of IPv4 or IPv6; default 0.0.0.0. */
  readonly address?: string;
  /** 0 lets the kernel choose. */
  readonly port: number;
  /** Name of the only interface to receive from and send to: broadcasts then stay on it, and it needs no address. */
  readonly interface?: string;
  readonly broadcast?: boolean;
  /** IPv4 addresses that nothing is heard from, on `interface`: broadcasts come back to the machine that sent them. */
  readonly notFrom?: readonly Ipv4Address[];
  /** Multicast groups to hear as well, on `interface` where it is given. */
  readonly groups?: readonly string[];
  /** Routers that a datagram to a multicast group may pass, and one: 1 to 255. Default 1: it stays on the link. */
  readonly multicastHops?: number;
  /** Of an IPv6 socket of an interface: whether this machine hears what it sends to a multicast group; default true. */
  readonly multicastLoop?: boolean;
  /** Lets several sockets bind the same port, such as one for each interface. Default: those of an interface do, others do not. */
  readonly reuseAddress?: boolean;
}

export interface NetworkInterface {
  readonly name: string;
  readonly mac: MacAddress;
  readonly up: boolean;
  /** IPv4 addresses with the length of their subnet's prefix. */
  readonly ipv4: readonly { readonly address: Ipv4Address; readonly prefix: number }[];
  readonly ipv6: readonly Ipv6InterfaceAddress[];
}

export interface Ipv6InterfaceAddress {
  readonly address: Ipv6Address;
  /** Length of its network's prefix, 0..128. */
  readonly prefix: number;
  /**
   * RFC 4862 §5.4, §5.5.4: a `tentative` address is not to be used until nobody else on the link turns out to have it; with a
   * `duplicate` somebody has; a `deprecated` one is not for new connections.
   */
  readonly state: 'tentative' | 'duplicate' | 'preferred' | 'deprecated';
}

export interface Network {
  /** Raises NETWORK_PORT_IN_USE, NETWORK_PORT_FORBIDDEN, NETWORK_ADDRESS_UNKNOWN. */
  listenTcp(endpoint: Endpoint, accept: (connection: TcpConnection) => void): Promise<TcpListener>;
  /** Raises NETWORK_UNREACHABLE, NETWORK_REFUSED, NETWORK_TIMEOUT; `signal` ends the attempt. */
  connectTcp(endpoint: Endpoint, options: { timeout: number; signal?: AbortSignal }): Promise<TcpConnection>;
  /** Raises NETWORK_PORT_IN_USE, NETWORK_PORT_FORBIDDEN, NETWORK_ADDRESS_UNKNOWN, NETWORK_INTERFACE_UNKNOWN. */
  openUdp(options: UdpOptions): Promise<UdpSocket>;
  interfaces(): readonly NetworkInterface[];
  /**
   * The addresses of a host name, IPv4 first; a literal is returned as it is. `nameServers` are asked instead of what the machine is set
   * up to ask, one of a link with its zone. Raises NETWORK_NAME_UNKNOWN.
   */
  resolve(host: string, nameServers?: readonly string[]): Promise<string[]>;
}
