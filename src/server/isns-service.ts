/** iSNS over TCP and UDP (RFC 4171 §2.9): requests to the registry, and what follows from them to the disk, to whoever asked, and to others. */

import { ProtocolError } from '../bytes/index.ts';
import type { IsnsRecordStore } from '../fleet/isns-records.ts';
import { textOf } from '../isns/attribute.ts';
import type { ResponseSections } from '../isns/message.ts';
import { decodeRequest, encodeResponse } from '../isns/message.ts';
import { decodeDatagram, MessageReader } from '../isns/message-reader.ts';
import { encodeMessage, type IsnsMessage, isResponse, MAX_PDU_PAYLOAD } from '../isns/pdu.ts';
import type { AdministrativeRequest, Registry } from '../isns/registry/registry.ts';
import { Status } from '../isns/status.ts';
import { Tag } from '../isns/tag.ts';
import type { Clock, Timer } from '../os/clock.ts';
import type { Endpoint, Network, TcpConnection, UdpSocket } from '../os/network.ts';
import { IsnsNotifier } from './isns-notifier.ts';
import { RequestStream } from './request-stream.ts';

/** Bytes of a request: room for thousands of objects. */
const MAX_REQUEST = 256 << 10;
/** What a datagram can carry, in multiples of four. */
const MAX_DATAGRAM_PAYLOAD = 65_492;
const MOST_CONNECTIONS = 1000;
/** Milliseconds without a request after which a connection is ended: it need not stay open (RFC 4171 §2.9.1). */
const IDLE_TIME = 300_000;
/** How often registrations and portals are looked at, in milliseconds. */
const POLL_INTERVAL = 1000;

/** Where a request came from, and where to. */
export interface IsnsAsker {
  /** Its iSCSI name, as it says. */
  readonly source: string;
  readonly remote: string;
  /** The served address that it asked. */
  readonly local: string;
}

export interface IsnsServiceOptions {
  readonly addresses: readonly string[];
  readonly port: number;
  readonly network: Network;
  readonly clock: Clock;
  readonly registry: Registry;
  readonly records: IsnsRecordStore;
  /** The served address on the network of another one; undefined where all do as well. */
  readonly localAddressFor: (remote: string) => string | undefined;
  /** Sees everybody who asks before the registry does. */
  readonly onAsker?: (asker: IsnsAsker) => void;
  readonly onError: (error: unknown) => void;
}

interface Conversation {
  readonly connection: TcpConnection;
  idle: Timer;
}

export class IsnsService implements AsyncDisposable {
  readonly #options: IsnsServiceOptions;
  readonly #opened = new AsyncDisposableStack();
  readonly #conversations = new Set<Conversation>();
  /** By the address that they send from. */
  readonly #notifiers = new Map<string, IsnsNotifier>();
  #pollTimer: Timer | undefined;
  #isClosed = false;
  /** Changes that could not be kept when they were made. */
  #unkept: ReturnType<Registry['takeChanges']> = [];

  private constructor(options: IsnsServiceOptions) {
    this.#options = options;
  }

  /** Raises NETWORK_PORT_IN_USE, NETWORK_PORT_FORBIDDEN, NETWORK_ADDRESS_UNKNOWN. */
  static async listen(options: IsnsServiceOptions): Promise<IsnsService> {
    await using opened = new AsyncDisposableStack();
    const service = opened.use(new IsnsService(options));
    for (const address of options.addresses) service.#notifiers.set(address, await service.#listen(address));
    service.#schedulePoll();
    await service.#follow(undefined);
    opened.move();
    return service;
  }

  async #listen(address: string): Promise<IsnsNotifier> {
    const { network, clock, port, onError } = this.#options;
    this.#opened.use(await network.listenTcp({ address, port }, (connection) => this.#accept(connection)));
    const socket = this.#opened.use(await network.openUdp({ address, port }));
    const sendDatagram = (data: Uint8Array, to: Endpoint): void => socket.send(data, to);
    const notifier = this.#opened.use(new IsnsNotifier({ network, clock, sendDatagram }));
    socket.start({ message: (data, from) => this.#receiveDatagram(notifier, socket, data, from), error: onError });
    return notifier;
  }

  #accept(connection: TcpConnection): void {
    if (this.#isClosed || this.#conversations.size >= MOST_CONNECTIONS) {
      connection.destroy();
      return;
    }
    const conversation: Conversation = { connection, idle: this.#idleTimer(connection) };
    this.#conversations.add(conversation);
    const requests = new RequestStream({
      connection,
      reader: new MessageReader(MAX_REQUEST),
      answer: (message) => this.#answerIn(conversation, message),
      onFault: (error) => {
        // The place in the stream is lost.
        if (!(error instanceof ProtocolError)) this.#options.onError(error);
        connection.destroy();
      },
    });
    connection.start({
      data: (chunk) => requests.receive(chunk),
      drain: () => requests.drained(),
      closed: () => {
        requests.end();
        conversation.idle.cancel();
        this.#conversations.delete(conversation);
      },
    });
  }

  #idleTimer(connection: TcpConnection): Timer {
    return this.#options.clock.after(IDLE_TIME, () => connection.destroy());
  }

  #answerIn(conversation: Conversation, message: IsnsMessage): Promise<Uint8Array[]> {
    const { connection } = conversation;
    conversation.idle.cancel();
    conversation.idle = this.#idleTimer(connection);
    const { remote, local } = connection;
    return this.#pdusOf(this.#answer(message, { remote: remote.address, local: local.address }));
  }

  #receiveDatagram(notifier: IsnsNotifier, socket: UdpSocket, data: Uint8Array, from: Endpoint): void {
    let message: IsnsMessage;
    try {
      message = decodeDatagram(data);
    } catch {
      return;
    }
    if (isResponse(message.functionId)) {
      notifier.answered(message);
      return;
    }
    const response = this.#answer(message, { remote: from.address, local: socket.local.address });
    void this.#pdusOf(response, MAX_DATAGRAM_PAYLOAD).then((pdus) => {
      for (const pdu of pdus) socket.send(pdu, from);
    });
  }

  #answer(message: IsnsMessage, ends: Omit<IsnsAsker, 'source'>): ReturnType<Registry['handle']> {
    if (isResponse(message.functionId)) return undefined;
    const source = sourceOf(message);
    if (source !== undefined) this.#options.onAsker?.({ source, ...ends });
    return this.#options.registry.handle(message, this.#now());
  }

  /** Nobody hears that something was done before it is kept. */
  async #pdusOf(response: ReturnType<Registry['handle']>, maxPayload = MAX_PDU_PAYLOAD): Promise<Uint8Array[]> {
    const kept = await this.#follow(response);
    return kept === undefined || this.#isClosed ? [] : encodeMessage(kept, maxPayload);
  }

  /** Keeps what has changed, then tells those who asked to be told. What cannot be kept makes the request fail. */
  async #follow<Response extends ReturnType<Registry['handle']>>(response: Response): Promise<Response> {
    const { registry, records, onError } = this.#options;
    const changes = [...this.#unkept, ...registry.takeChanges()];
    const notifications = registry.takeNotifications(this.#now());
    this.#unkept = [];
    try {
      if (changes.length > 0) await records.save(changes);
    } catch (error) {
      this.#unkept = [...changes, ...this.#unkept];
      onError(error);
      const payload = encodeResponse({ status: Status.internalError, key: [], operating: [] });
      return response === undefined ? response : { ...response, payload };
    }
    for (const notification of notifications) this.#notifierFor(notification.ports[0]?.address)?.notify(notification);
    return response;
  }

  /** As an administrator, without being a node: see Registry. It is kept a moment later. */
  administer(request: AdministrativeRequest): ResponseSections {
    const response = this.#options.registry.administer(request, this.#now());
    void this.#follow(undefined);
    return response;
  }

  #notifierFor(remote: string | undefined): IsnsNotifier | undefined {
    const local = remote === undefined ? undefined : this.#options.localAddressFor(remote);
    const [first] = this.#notifiers.values();
    return this.#notifiers.get(local ?? '') ?? first;
  }

  #schedulePoll(): void {
    this.#pollTimer = this.#options.clock.after(POLL_INTERVAL, () => this.#poll());
  }

  #poll(): void {
    const { registry } = this.#options;
    for (const inquiry of registry.poll(this.#now())) {
      this.#notifierFor(inquiry.port.address)?.inquire(inquiry, () => registry.answered(inquiry.portal, this.#now()));
    }
    void this.#follow(undefined);
    this.#schedulePoll();
  }

  /** Seconds since the Unix epoch. */
  #now(): number {
    return Math.floor(this.#options.clock.now() / 1000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#pollTimer?.cancel();
    for (const { connection, idle } of this.#conversations) {
      idle.cancel();
      connection.destroy();
    }
    await this.#opened.disposeAsync();
  }
}

function sourceOf({ payload }: IsnsMessage): string | undefined {
  try {
    const { source } = decodeRequest(payload);
    return source?.tag === Tag.iscsiName ? textOf(source) : undefined;
  } catch {
    return undefined;
  }
}
