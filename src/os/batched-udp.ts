/**
 * A UDP socket that takes and gives datagrams by the handful. A system call for each costs more than everything else that a small
 * server does with it; here all that has arrived comes by one call, and all that is sent in one turn leaves by one.
 *
 * The socket that it is made over still waits for the first datagram, and for room when the kernel has none to send.
 */

import { DatagramBatch } from './datagram-batch.ts';
import type { Endpoint, UdpHandler, UdpSocket } from './network.ts';
import type { DatagramCalls } from './socket.ts';

/** At once; no more are taken in one turn of the loop, so that others have theirs. */
const CAPACITY = 64;

export class BatchedUdpSocket implements UdpSocket {
  readonly #single: UdpSocket;
  readonly #fd: number;
  readonly #received: DatagramBatch;
  readonly #sent: DatagramBatch;
  /** Where each of those that wait to be sent goes to. */
  readonly #destinations: Endpoint[] = [];
  /** Set from the first datagram of a turn on, in either direction. */
  #endOfTurn: NodeJS.Immediate | undefined;
  #hasReceived = false;
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
        // The socket below goes on with a few of its own, one by one.
        if (!this.#hasReceived) this.#receive(handler);
      },
      error: (error) => handler.error(error),
    });
  }

  #receive(handler: UdpHandler): void {
    if (this.#closed) return;
    this.#hasReceived = true;
    this.#expectEndOfTurn();
    const count = this.#received.receive(this.#fd);
    for (let index = 0; index < count && !this.#closed; index++) {
      const data = this.#received.received(index);
      if (data !== undefined) handler.message(data, this.#received.sender(index));
    }
  }

  send(data: Uint8Array, to: Endpoint): void {
    if (this.#closed) return;
    if (this.#destinations.length === CAPACITY) this.#flush();
    if (!this.#sent.put(this.#destinations.length, data, to)) {
      this.#single.send(data, to);
      return;
    }
    this.#destinations.push(to);
    this.#expectEndOfTurn();
  }

  #expectEndOfTurn(): void {
    this.#endOfTurn ??= setImmediate(() => {
      this.#endOfTurn = undefined;
      this.#hasReceived = false;
      this.#flush();
    });
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
    clearImmediate(this.#endOfTurn);
    this.#closed = true;
    return this.#single.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
