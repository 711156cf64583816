/** UDP over node:dgram, bound to one interface where asked. */

import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { BatchedUdpSocket } from './batched-udp.ts';
import { polledReceipt } from './busy-polling.ts';
import { interfaceIpv4 } from './interface-requests.ts';
import type { Endpoint, UdpHandler, UdpOptions, UdpSocket } from './network.ts';
import { networkError } from './node-error.ts';
import { datagramCalls, openInterfaceSocket } from './socket.ts';

class NodeUdpSocket implements UdpSocket {
  readonly local: Endpoint;
  readonly #socket: Socket;
  #handler: UdpHandler | undefined;
  #closed: Promise<void> | undefined;

  constructor(socket: Socket, local: Endpoint) {
    this.#socket = socket;
    this.local = local;
    socket.on('error', (error) => this.#handler?.error(networkError(error, 'receive on', local)));
  }

  start(handler: UdpHandler): void {
    this.#handler = handler;
    this.#socket.on('message', (data, from) => {
      polledReceipt();
      handler.message(data, { address: from.address, port: from.port });
    });
  }

  send(data: Uint8Array, to: Endpoint): void {
    if (this.#closed !== undefined) return;
    this.#socket.send(data, to.port, to.address, (error) => {
      if (error !== null && this.#closed === undefined) this.#handler?.error(networkError(error, 'send to', to));
    });
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => this.#socket.close(() => resolve()));
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

export function openUdp(options: UdpOptions): Promise<UdpSocket> {
  const address = options.address ?? '0.0.0.0';
  return new Promise((resolve, reject) => {
    const socket = createSocket({ ...kindOf(address), reuseAddr: options.reuseAddress ?? false });
    const fail = (error: Error): void => {
      socket.close();
      reject(networkError(error, 'listen on UDP', { address: options.interface ?? address, port: options.port }));
    };
    const ready = (): void => {
      socket.off('error', fail);
      if (options.broadcast) socket.setBroadcast(true);
      try {
        if (fd === undefined && options.multicastHops !== undefined) socket.setMulticastTTL(options.multicastHops);
        for (const group of options.groups ?? []) socket.addMembership(group, multicastInterface(options));
      } catch (error) {
        fail(error as Error);
        return;
      }
      const bound = socket.address();
      const single = new NodeUdpSocket(socket, { address: bound.address, port: bound.port });
      resolve(fd === undefined || isIPv6(address) ? single : new BatchedUdpSocket(single, fd, datagramCalls()));
    };
    let fd: number | undefined;
    socket.once('error', fail);
    if (options.interface === undefined) {
      socket.bind({ address, port: options.port }, ready);
      return;
    }
    try {
      const { reuseAddress: sharesPort = true } = options;
      fd = openInterfaceSocket(options.interface, address, options.port, { ...options, sharesPort });
      socket.bind({ fd }, ready);
    } catch (error) {
      socket.off('error', fail);
      socket.close();
      reject(error);
    }
  });
}

/** A socket of one family never takes the port of the other. */
function kindOf(address: string) {
  return isIPv6(address) ? { type: 'udp6' as const, ipv6Only: true } : { type: 'udp4' as const };
}

/** Node names the interface of a group by an address on it, which for IPv6 may be no more than the zone. */
function multicastInterface({ address = '', interface: name }: UdpOptions): string | undefined {
  if (name === undefined) return undefined;
  return isIPv6(address) ? `::%${name}` : interfaceIpv4(name)?.address;
}
