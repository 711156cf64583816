/**
 * One client of an NBD server: its requests are started in the order in which they come, many at a time, and each is answered when the
 * device is done with it (NBD "Ordering of messages and writes").
 *
 * No more is read from the client while as much as it may have under way is, or while it does not take its answers.
 */

import { ByteQueue, DisklessError } from '../bytes/index.ts';
import { Dialogue } from '../nbd/dialogue.ts';
import { Command, ErrorValue } from '../nbd/protocol.ts';
import { blockStatusChunk, dataChunk, errorChunk, simpleReply } from '../nbd/reply.ts';
import { type Request, RequestReader } from '../nbd/request.ts';
import {
  ALLOCATION_CONTEXT_ID,
  type ExportDescription,
  type ServerAgreement,
  serverHandshake,
} from '../nbd/server-handshake.ts';
import type { Clock, Timer } from '../os/clock.ts';
import type { StreamConnection } from '../os/network.ts';
import type { Device } from './device.ts';
import { type NbdRefusal, type NbdResult, performNbdRequest, refuseNbdRequest } from './nbd-request.ts';

export interface NbdServerConnectionOptions {
  readonly device: Device;
  readonly clock: Clock;
  readonly export: ExportDescription;
}

/** Milliseconds that a client has to choose an export. */
const HANDSHAKE_TIMEOUT = 30_000;
/** Milliseconds that a client has to take its last answers. */
const CLOSE_TIMEOUT = 5_000;
/** Requests under way at once: as many as the kernel's client has at its deepest. */
const MAX_REQUESTS = 256;
/** Bytes that requests under way carry. One of the largest may always be. */
const MAX_BYTES_UNDER_WAY = 64 << 20;

type Agreement = Extract<ServerAgreement, { kind: 'transmission' }>;

export class NbdServerConnection {
  /** Settles when the connection is over and the device at rest: with what ended it, or undefined after an orderly end. */
  readonly closed: Promise<Error | undefined>;
  readonly #settleClosed: (error: Error | undefined) => void;
  readonly #stream: StreamConnection;
  readonly #device: Device;
  readonly #clock: Clock;
  readonly #bytes = new ByteQueue();
  readonly #handshake: Dialogue<ServerAgreement>;
  readonly #requests: RequestReader;
  #agreement: Agreement | undefined;
  #timer: Timer;
  #requestsUnderWay = 0;
  #bytesUnderWay = 0;
  /** The client does not take what it is sent. */
  #isHeldUp = false;
  #isPaused = false;
  /** No more requests are taken. */
  #isEnding = false;
  #hasEnded = false;
  #isOver = false;
  #failure: Error | undefined;

  constructor(stream: StreamConnection, options: NbdServerConnectionOptions) {
    this.#stream = stream;
    this.#device = options.device;
    this.#clock = options.clock;
    const { promise, resolve } = Promise.withResolvers<Error | undefined>();
    this.closed = promise;
    this.#settleClosed = resolve;
    this.#requests = new RequestReader(this.#bytes, options.export.blockSize.maximum);
    this.#timer = options.clock.after(HANDSHAKE_TIMEOUT, () => {
      this.#fail(new DisklessError('NBD_TIMEOUT', `an NBD client chose no export in ${HANDSHAKE_TIMEOUT / 1000} s`));
    });
    this.#handshake = new Dialogue(serverHandshake([options.export], (bytes) => this.#write(bytes)));
    stream.start({
      data: (chunk) => {
        if (this.#isEnding) return;
        this.#bytes.push(chunk);
        this.#advance();
      },
      drain: () => {
        this.#isHeldUp = false;
        this.#advance();
      },
      // Who has said goodbye may be gone before the last answer reaches it.
      closed: (error) => this.#over(this.#isEnding ? undefined : error),
    });
  }

  /** Finishes what is under way, and ends. */
  close(): Promise<unknown> {
    this.#isEnding = true;
    this.#pause();
    this.#endWhenDone();
    return this.closed;
  }

  #advance(): void {
    if (this.#hasEnded) return;
    try {
      while (this.#mayGoOn()) {
        if (!this.#step()) break;
      }
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    if (this.#mayGoOn()) this.#resume();
    else this.#pause();
    this.#endWhenDone();
  }

  #mayGoOn(): boolean {
    return (
      !this.#isEnding &&
      !this.#isOver &&
      !this.#isHeldUp &&
      this.#requestsUnderWay < MAX_REQUESTS &&
      this.#bytesUnderWay < MAX_BYTES_UNDER_WAY
    );
  }

  /** False when more has to arrive first. */
  #step(): boolean {
    if (this.#agreement === undefined) return this.#shakeHands();
    const request = this.#requests.next();
    if (request === undefined) return false;
    if (request.header.command === Command.disconnect) this.#isEnding = true;
    else this.#perform(request, this.#agreement);
    return true;
  }

  #shakeHands(): boolean {
    const agreement = this.#handshake.receive(this.#bytes);
    if (agreement === undefined) return false;
    this.#timer.cancel();
    if (agreement.kind === 'transmission') this.#agreement = agreement;
    else this.#isEnding = true;
    return true;
  }

  #perform(request: Request, agreement: Agreement): void {
    const refusal = refuseNbdRequest(request.header, agreement);
    if (refusal !== undefined) {
      this.#refuse(request, refusal);
      return;
    }
    let result: NbdResult | Promise<NbdResult>;
    try {
      result = performNbdRequest(this.#device, request);
    } catch (error) {
      this.#refuse(request, refusalOf(error));
      return;
    }
    if (result instanceof Promise) this.#await(request, result);
    else this.#answer(request, result);
  }

  #await(request: Request, result: Promise<NbdResult>): void {
    const bytes = carriedBytes(request);
    this.#requestsUnderWay += 1;
    this.#bytesUnderWay += bytes;
    const done = (): void => {
      this.#requestsUnderWay -= 1;
      this.#bytesUnderWay -= bytes;
      if (this.#isOver) this.#settleWhenAtRest();
      else this.#advance();
    };
    result.then(
      (value) => {
        this.#answer(request, value);
        done();
      },
      (error: unknown) => {
        this.#refuse(request, refusalOf(error));
        done();
      },
    );
  }

  #answer({ header }: Request, result: NbdResult): void {
    if (result.kind === 'data') {
      this.#write(this.#agreement?.structuredReplies === true ? dataChunk(header) : simpleReply(header, 0));
      for (const part of result.data) this.#write(part);
    } else if (result.kind === 'statuses') {
      this.#write(blockStatusChunk(header, ALLOCATION_CONTEXT_ID, result.statuses));
    } else {
      this.#write(simpleReply(header, ErrorValue.none));
    }
  }

  #refuse({ header }: Request, { error, message }: NbdRefusal): void {
    const isStructured = this.#agreement?.structuredReplies === true;
    this.#write(isStructured ? errorChunk(header, error, message) : simpleReply(header, error));
  }

  #write(bytes: Uint8Array): void {
    if (this.#isOver) return;
    if (!this.#stream.write(bytes)) this.#isHeldUp = true;
  }

  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#stream.pause();
  }

  #resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#stream.resume();
  }

  #endWhenDone(): void {
    if (!this.#isEnding || this.#hasEnded || this.#isOver || this.#requestsUnderWay > 0) return;
    this.#hasEnded = true;
    this.#timer.cancel();
    this.#timer = this.#clock.after(CLOSE_TIMEOUT, () => this.#stream.destroy());
    this.#stream.end();
    // Its own end is only seen by a stream that flows.
    this.#resume();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#stream.destroy();
    this.#over(error);
  }

  #over(error: Error | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#failure ??= error;
    this.#timer.cancel();
    this.#settleWhenAtRest();
  }

  #settleWhenAtRest(): void {
    if (this.#requestsUnderWay === 0) this.#settleClosed(this.#failure);
  }
}

/** Bytes of memory that a request keeps until it is answered. */
function carriedBytes({ header: { command, length } }: Request): number {
  return command === Command.read || command === Command.write ? length : 0;
}

function refusalOf(error: unknown): NbdRefusal {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof DisklessError ? error.code : undefined;
  if (code === 'DEVICE_NO_SPACE') return { error: ErrorValue.noSpace, message };
  if (code === 'DEVICE_READ_ONLY') return { error: ErrorValue.notPermitted, message };
  return { error: ErrorValue.io, message };
}
