/** A connection over a socket of node:net, whatever kind it is. */

import type { Socket } from 'node:net';
import { polledReceipt } from './busy-polling.ts';
import type { StreamConnection, StreamHandler } from './network.ts';
import { shortLivedMemory } from './short-lived-memory.ts';

/** How much may wait in this process before `write` asks to stop: enough to keep a fast link busy for a turn of the loop. */
export const HIGH_WATER_MARK = 4 << 20;

export class NodeStream implements StreamConnection {
  readonly #socket: Socket;
  readonly #describe: (error: Error) => Error;
  #corked = false;
  /** Its owner flushes. */
  #held = false;

  /** `describe` makes this project's error of the socket's. */
  constructor(socket: Socket, describe: (error: Error) => Error) {
    this.#socket = socket;
    this.#describe = describe;
    socket.pause();
    // A socket can fail before its owner calls `start`; without a listener that would end the process.
    socket.on('error', () => {});
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  start(handler: StreamHandler): void {
    let failure: Error | undefined;
    this.#socket.on('data', (chunk) => {
      shortLivedMemory(chunk.length);
      polledReceipt();
      handler.data(chunk as Buffer);
    });
    this.#socket.on('drain', () => handler.drain());
    this.#socket.on('error', (error) => {
      failure = this.#describe(error);
    });
    this.#socket.on('close', () => handler.closed(failure));
    if (this.#socket.closed) handler.closed(this.#socket.errored ?? undefined);
    else this.#socket.resume();
  }

  write(chunk: Uint8Array): boolean {
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      if (!this.#held) process.nextTick(uncork, this);
    }
    return this.#socket.write(chunk);
  }

  hold(): void {
    this.#held = true;
  }

  /** Everything since the last one leaves in one writev. */
  flush(): void {
    this.#held = false;
    if (!this.#corked) return;
    this.#corked = false;
    this.#socket.uncork();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  destroy(error?: Error): void {
    this.#socket.destroy(error);
  }
}

/** One function for all connections: no closure per turn. */
function uncork(connection: NodeStream): void {
  connection.flush();
}
