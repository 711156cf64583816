/** The connection of a client to an NBD server: first the handshake, then requests, each within its time. */

import { ByteQueue, DisklessError } from '../bytes/index.ts';
import { type ClientAgreement, clientHandshake } from '../nbd/client-handshake.ts';
import { Dialogue } from '../nbd/dialogue.ts';
import { type ClientRequest, type ClientResult, OutstandingRequests } from '../nbd/outstanding.ts';
import type { Clock, Timer } from '../os/clock.ts';
import type { StreamConnection } from '../os/network.ts';

export interface NbdClientOptions {
  readonly clock: Clock;
  /** Default: the server's default export. */
  readonly exportName?: string;
  /** Milliseconds for the handshake, and for a request; default 30 s. */
  readonly timeout?: number;
}

const DEFAULT_TIMEOUT = 30_000;

export class NbdClient {
  /** Rejects with NBD_TIMEOUT, NBD_CONNECTION_LOST, and what the handshake raises. */
  readonly agreed: Promise<ClientAgreement>;
  readonly #agree: (agreement: ClientAgreement) => void;
  readonly #refuse: (error: Error) => void;
  readonly #stream: StreamConnection;
  readonly #clock: Clock;
  readonly #timeout: number;
  readonly #bytes = new ByteQueue();
  readonly #handshake: Dialogue<ClientAgreement>;
  #outstanding: OutstandingRequests | undefined;
  #watch: Timer | undefined;
  #over: Error | undefined;
  #isClosing = false;
  readonly #closed = Promise.withResolvers<void>();

  constructor(stream: StreamConnection, { clock, timeout = DEFAULT_TIMEOUT, exportName = '' }: NbdClientOptions) {
    this.#stream = stream;
    this.#clock = clock;
    this.#timeout = timeout;
    const { promise, resolve, reject } = Promise.withResolvers<ClientAgreement>();
    this.agreed = promise;
    this.#agree = resolve;
    this.#refuse = reject;
    const started = clock.monotonic();
    this.#watch = clock.after(timeout, () => this.#look(started));
    this.#handshake = new Dialogue(clientHandshake(exportName, (bytes) => void stream.write(bytes)));
    stream.start({
      data: (chunk) => this.#receive(chunk),
      drain: () => {},
      closed: (error) => this.#end(error ?? connectionLost()),
    });
  }

  /** Rejects with NbdError, and with what ended the connection. */
  request(request: ClientRequest): Promise<ClientResult> {
    if (this.#outstanding === undefined || this.#over !== undefined) {
      return Promise.reject(this.#over ?? connectionLost());
    }
    const now = this.#clock.monotonic();
    this.#watch ??= this.#clock.after(this.#timeout, () => this.#look(now));
    return this.#outstanding.start(request, now);
  }

  /** Says goodbye, and waits until the server has gone or its time is up. */
  async close(): Promise<void> {
    if (this.#over === undefined && !this.#isClosing) {
      this.#isClosing = true;
      this.#outstanding?.disconnect();
      this.#stream.end();
      this.#watch?.cancel();
      this.#watch = this.#clock.after(this.#timeout, () => this.#fail(timedOut(this.#timeout)));
    }
    await this.#closed.promise;
  }

  #receive(chunk: Uint8Array): void {
    this.#bytes.push(chunk);
    try {
      this.#outstanding ??= this.#shakeHands();
      this.#outstanding?.receive();
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #shakeHands(): OutstandingRequests | undefined {
    const agreement = this.#handshake.receive(this.#bytes);
    if (agreement === undefined) return undefined;
    this.#watch?.cancel();
    this.#watch = undefined;
    this.#agree(agreement);
    return new OutstandingRequests(agreement, this.#bytes, (bytes) => void this.#stream.write(bytes));
  }

  /** One timer watches over the oldest request: it looks again when the one that it was set for is done. */
  #look(watched: number): void {
    this.#watch = undefined;
    const oldest = this.#outstanding === undefined ? watched : this.#outstanding.oldest;
    if (oldest === undefined) return;
    const left = oldest + this.#timeout - this.#clock.monotonic();
    if (left <= 0) this.#fail(timedOut(this.#timeout));
    else this.#watch = this.#clock.after(left, () => this.#look(oldest));
  }

  #fail(error: Error): void {
    this.#stream.destroy();
    this.#end(error);
  }

  #end(error: Error): void {
    if (this.#over !== undefined) return;
    this.#over = error;
    this.#watch?.cancel();
    this.#refuse(error);
    this.#outstanding?.failAll(error);
    this.#closed.resolve();
  }
}

function connectionLost(): DisklessError {
  return new DisklessError('NBD_CONNECTION_LOST', 'the NBD server ended the connection', {
    hint: 'Its own log says why.',
  });
}

function timedOut(milliseconds: number): DisklessError {
  return new DisklessError('NBD_TIMEOUT', `the NBD server did not answer in ${milliseconds / 1000} s`, {
    hint: 'Is it still at work?',
  });
}
