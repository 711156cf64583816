/**
 * What an iSNS server tells and asks its clients by itself: state changes and status inquiries (RFC 4171 §5.6.5.8, §5.6.5.13). TCP
 * connections are made for it and ended after the answer (§2.9.1); by UDP, all ports that are registered get it (§2.9.2).
 */

import type { TransportPort } from '../isns/bitmap.ts';
import { statusOf } from '../isns/message.ts';
import { MessageReader } from '../isns/message-reader.ts';
import { encodeMessage, FunctionId, type IsnsMessage, responseTo } from '../isns/pdu.ts';
import type { Inquiry } from '../isns/registry/monitor.ts';
import type { Notification } from '../isns/registry/notification.ts';
import { Status } from '../isns/status.ts';
import type { Clock } from '../os/clock.ts';
import type { Endpoint, Network, TcpConnection } from '../os/network.ts';

/** Milliseconds for a connection, and for an answer. */
const ANSWER_TIMEOUT = 5000;
/** How often a state change is told until somebody says that it has heard. */
const NOTIFICATION_ATTEMPTS = 3;
/** How much goes out at a time, and how much waits for it. */
const MOST_AT_ONCE = 32;
const MOST_WAITING = 20_000;
/** Bytes of an answer, which is what was sent and a status. */
const MAX_ANSWER = 65_536;

type Destination = TransportPort & { readonly address: string };

export interface IsnsNotifierOptions {
  readonly network: Network;
  readonly clock: Clock;
  /** Sends from the port that answers come back to: to `IsnsNotifier.answered`. */
  readonly sendDatagram: (data: Uint8Array, to: Endpoint) => void;
}

export class IsnsNotifier implements AsyncDisposable {
  readonly #options: IsnsNotifierOptions;
  readonly #ending = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #waiting: (() => Promise<void>)[] = [];
  /** By transaction: what waits for an answer by UDP. */
  readonly #expected = new Map<number, (isAnswered: boolean) => void>();
  #nextTransactionId = 1;

  constructor(options: IsnsNotifierOptions) {
    this.#options = options;
  }

  notify({ ports, payload }: Notification): void {
    for (const port of ports.filter(({ transport }) => transport === 'udp')) {
      this.#enqueue(() => this.#tell([port], payload));
    }
    const tcp = ports.filter(({ transport }) => transport === 'tcp');
    if (tcp.length > 0) this.#enqueue(() => this.#tell(tcp, payload));
  }

  /** Any one of the ports is enough. */
  async #tell(ports: readonly Destination[], payload: Uint8Array): Promise<void> {
    for (let attempt = 0; attempt < NOTIFICATION_ATTEMPTS; attempt++) {
      for (const port of ports) if (await this.#exchange(port, FunctionId.scn, payload)) return;
      if (this.#ending.signal.aborted) return;
    }
  }

  /** `answered` is called when the portal is there. */
  inquire({ port, payload }: Inquiry, answered: () => void): void {
    this.#enqueue(async () => {
      if (await this.#exchange(port, FunctionId.esi, payload)) answered();
    });
  }

  #enqueue(work: () => Promise<void>): void {
    if (this.#ending.signal.aborted || this.#waiting.length >= MOST_WAITING) return;
    this.#waiting.push(work);
    this.#startNext();
  }

  #startNext(): void {
    if (this.#running.size >= MOST_AT_ONCE) return;
    const work = this.#waiting.shift();
    if (work === undefined) return;
    const run = work().finally(() => {
      this.#running.delete(run);
      this.#startNext();
    });
    this.#running.add(run);
  }

  /** True when it was answered, and the answer says that all is well. */
  async #exchange(to: Destination, functionId: number, payload: Uint8Array): Promise<boolean> {
    if (this.#ending.signal.aborted) return false;
    const transactionId = this.#nextTransactionId;
    this.#nextTransactionId = (transactionId + 1) & 0xffff;
    const pdus = encodeMessage({ functionId, transactionId, sender: 'server', replace: false, payload });
    const endpoint = { address: to.address, port: to.port };
    if (to.transport === 'udp') return this.#byDatagram(pdus, transactionId, endpoint);
    const { network } = this.#options;
    try {
      const { signal } = this.#ending;
      const connection = await network.connectTcp(endpoint, { timeout: ANSWER_TIMEOUT, signal });
      return await this.#byConnection(connection, pdus, { functionId, transactionId });
    } catch {
      return false;
    }
  }

  #byDatagram(pdus: readonly Uint8Array[], transactionId: number, to: Endpoint): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (isAnswered: boolean): void => {
        timer.cancel();
        this.#expected.delete(transactionId);
        resolve(isAnswered);
      };
      const timer = this.#options.clock.after(ANSWER_TIMEOUT, () => settle(false));
      this.#expected.set(transactionId, settle);
      for (const pdu of pdus) this.#options.sendDatagram(pdu, to);
    });
  }

  /** A response that came to the port of `sendDatagram`. */
  answered({ transactionId, functionId, payload }: IsnsMessage): void {
    const isNotice = functionId === responseTo(FunctionId.scn) || functionId === responseTo(FunctionId.esi);
    if (isNotice) this.#expected.get(transactionId)?.(isSuccess(payload));
  }

  #byConnection(
    connection: TcpConnection,
    pdus: readonly Uint8Array[],
    request: Pick<IsnsMessage, 'functionId' | 'transactionId'>,
  ): Promise<boolean> {
    const { clock } = this.#options;
    const { signal } = this.#ending;
    return new Promise((resolve) => {
      const settle = (isAnswered: boolean): void => {
        timer.cancel();
        signal.removeEventListener('abort', stop);
        connection.destroy();
        resolve(isAnswered);
      };
      const stop = (): void => settle(false);
      const timer = clock.after(ANSWER_TIMEOUT, stop);
      signal.addEventListener('abort', stop, { once: true });
      const answer = new AnswerReader(request);
      connection.start({
        data: (chunk) => {
          const isAnswered = answer.receive(chunk);
          if (isAnswered !== undefined) settle(isAnswered);
        },
        drain: () => {},
        closed: stop,
      });
      for (const pdu of pdus) connection.write(pdu);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    this.#waiting.length = 0;
    for (const settle of [...this.#expected.values()]) settle(false);
    await Promise.all(this.#running);
  }
}

/** Finds the answer in what a client sends. */
class AnswerReader {
  readonly #reader = new MessageReader(MAX_ANSWER);
  readonly #request: Pick<IsnsMessage, 'functionId' | 'transactionId'>;

  constructor(request: Pick<IsnsMessage, 'functionId' | 'transactionId'>) {
    this.#request = request;
  }

  /** Undefined: not yet. */
  receive(chunk: Uint8Array): boolean | undefined {
    const { functionId, transactionId } = this.#request;
    this.#reader.push(chunk);
    try {
      for (let message = this.#reader.next(); message !== undefined; message = this.#reader.next()) {
        const isIt = message.transactionId === transactionId && message.functionId === responseTo(functionId);
        if (isIt) return isSuccess(message.payload);
      }
      return undefined;
    } catch {
      return false;
    }
  }
}

function isSuccess(payload: Uint8Array): boolean {
  return payload.length >= 4 && statusOf(payload) === Status.successful;
}
