/**
 * A UDP socket that takes and gives datagrams by the handful. A system call for each costs more than everything else that a small
 * server does with it; here all that has arrived comes by one call, and all that is sent in one turn leaves by one.
 *
 * The socket that it is made over still waits for the first datagram, and for room when the kernel has none to send.
 */

import { DatagramBatch } from './datagram-batch.ts';
import type { Endpoint, UdpHandler, UdpSocket } from './network.ts';
import type { DatagramCalls } from './socket.ts';

const CAPACITY = 64;
/** How many times in one turn the socket is emptied before others have theirs. */
const MOST_ROUNDS = 4;

export class BatchedUdpSocket implements UdpSocket {
  readonly #single: UdpSocket;
  readonly #fd: number;
  readonly #received: DatagramBatch;
  readonly #sent: DatagramBatch;
  /** Where each of those that wait to be sent goes to. */
  readonly #destinations: Endpoint[] = [];
  #closed = false;

  /** `single` is the socket of the descriptor `fd`, and closes it. */
  constructor(single: UdpSocket, fd: number, calls: DatagramCalls) {
    this.#single = single;
    this.#fd = fd;
    this.#received = new DatagramBatch(calls, CAPACITY);
    this.#sent = new DatagramBatch(calls, CAPACITY);
  }

  get local(): Endpoint {
    return this.#single.local;
  }

  start(handler: UdpHandler): void {
    this.#single.start({
      message: (data, from) => {
        handler.message(data, from);
        this.#receive(handler);
      },
      error: (error) => handler.error(error),
    });
  }

  #receive(handler: UdpHandler): void {
    for (let round = 0; round < MOST_ROUNDS && !this.#closed; round++) {
      const count = this.#received.receive(this.#fd);
      for (let index = 0; index < count && !this.#closed; index++) {
        const data = this.#received.received(index);
        if (data !== undefined) handler.message(data, this.#received.sender(index));
      }
      if (count < CAPACITY) return;
    }
  }

  send(data: Uint8Array, to: Endpoint): void {
    if (this.#closed) return;
    if (this.#destinations.length === CAPACITY) this.#flush();
    if (!this.#sent.put(this.#destinations.length, data, to)) {
      this.#single.send(data, to);
      return;
    }
    // The tick comes when everything that has been waiting for one and the same event has had its say.
    if (this.#destinations.length === 0) process.nextTick(() => this.#flush());
    this.#destinations.push(to);
  }

  /** What the kernel does not take goes the slow way, which waits for room, or tells what is wrong. */
  #flush(): void {
    const end = this.#destinations.length;
    if (end === 0 || this.#closed) return;
    let first = 0;
    while (first < end) {
      first += this.#sent.send(this.#fd, first, end);
      const to = this.#destinations[first];
      if (to === undefined) break;
      this.#single.send(this.#sent.waiting(first), to);
      first += 1;
    }
    this.#destinations.length = 0;
  }

  close(): Promise<void> {
    this.#flush();
    this.#closed = true;
    return this.#single.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
