/**
 * SLP on one interface: a service agent for the targets of this server, and the directory agent of its network, which registers them
 * with the other directory agents that it finds as well (RFC 2608 §12, RFC 4018 §4.1).
 */

import { requestByTcp } from '../boot/slp-tcp-request.ts';
import type { Clock, Timer } from '../os/clock.ts';
import type { Endpoint, Network, UdpSocket } from '../os/network.ts';
import type { AdvertisementSource } from '../slp/advertisement.ts';
import { SlpAgent } from '../slp/agent.ts';
import type { ServiceRequest } from '../slp/body.ts';
import { directoryAgentOf } from '../slp/directory-agent.ts';
import { withoutZone } from '../slp/endpoint.ts';
import type { Exchange } from '../slp/exchange.ts';
import { slpHeader } from '../slp/header.ts';
import { decodeMessage } from '../slp/message.ts';
import { MulticastExchange } from '../slp/multicast-exchange.ts';
import { defaultTiming, ENGLISH, SLP_PORT, type SlpTiming } from '../slp/protocol.ts';
import { Registrar, type RegistrarAction, type RegistrarEvent } from '../slp/registrar.ts';
import { Registry } from '../slp/registry.ts';
import { DIRECTORY_AGENT } from '../slp/service-type.ts';
import { UnicastExchange } from '../slp/unicast-exchange.ts';
import { SlpConnections } from './slp-connections.ts';
import type { SlpPlace } from './slp-place.ts';

export interface SlpServiceOptions {
  readonly network: Network;
  readonly clock: Clock;
  /** Gives [0, 1). */
  readonly random: () => number;
  readonly place: SlpPlace;
  /** All addresses of this machine. */
  readonly ownAddresses: readonly string[];
  /** Items of a scope list. */
  readonly scopes: readonly string[];
  readonly services: AdvertisementSource;
  readonly serviceTypes: readonly string[];
  /** Folded tags of attributes that leave the server neither in answers nor in registrations. */
  readonly withheld: ReadonlySet<string>;
  /** Addresses of directory agents to register with beside those that are found. */
  readonly directoryAgents: readonly string[];
  readonly onEvent: (event: RegistrarEvent) => void;
  readonly onError: (error: unknown) => void;
  readonly timing?: SlpTiming;
}

/** Milliseconds for which the end of the server waits for other directory agents to forget its targets. */
const FAREWELL = 2_000;

export class SlpService implements AsyncDisposable {
  readonly #options: SlpServiceOptions;
  readonly #timing: SlpTiming;
  readonly #socket: UdpSocket;
  readonly #agent: SlpAgent;
  readonly #registrar: Registrar;
  readonly #ended = new AbortController();
  /** Searches for directory agents, and requests to those that were given. */
  #searches: Exchange[] = [];
  #connections: SlpConnections | undefined;
  #timer: Timer | undefined;
  #nextSearch: number;
  #nextBeat: number;
  #farewell: { readonly done: () => void; readonly end: number } | undefined;

  private constructor(options: SlpServiceOptions, socket: UdpSocket) {
    const { clock, random, scopes, services, withheld, place, timing = defaultTiming } = options;
    this.#options = options;
    this.#timing = timing;
    this.#socket = socket;
    const registry = new Registry({ scopes, now: () => clock.monotonic() });
    const bootTimestamp = Math.floor(clock.now() / 1000);
    this.#agent = new SlpAgent({ ...options, address: place.address, directory: { registry, bootTimestamp } });
    const registered = () => services.advertisements({});
    this.#registrar = new Registrar({ scopes, services: registered, withheld, timing, random });
    this.#nextSearch = clock.monotonic() + random() * timing.startWait;
    this.#nextBeat = clock.monotonic();
  }

  /** Raises NETWORK_PORT_IN_USE, NETWORK_PORT_FORBIDDEN, NETWORK_ADDRESS_UNKNOWN, NETWORK_INTERFACE_UNKNOWN. */
  static async listen(options: SlpServiceOptions): Promise<SlpService> {
    const { network, place, onError, timing = defaultTiming } = options;
    await using opened = new AsyncDisposableStack();
    const socket = opened.use(await network.openUdp(place.socket));
    const service = new SlpService(options, socket);
    const { closeConnection } = timing;
    const { address } = place;
    const connections = await SlpConnections.listen({ ...options, address, agent: service.#agent, closeConnection });
    service.#connections = connections;
    opened.move();
    socket.start({ message: (data, from) => service.#receive(data, from), error: onError });
    service.#tick();
    return service;
  }

  #receive(data: Uint8Array, sender: Endpoint): void {
    const { clock, ownAddresses } = this.#options;
    const from = withoutZone(sender);
    if (ownAddresses.includes(from.address) && from.port === SLP_PORT) return;
    const now = clock.monotonic();
    this.#heardOfAgent(data, from, now);
    for (const search of this.#searches) search.receive(data, from, now);
    this.#perform(this.#registrar.receive(data, from, now));
    const answer = this.#agent.receive(data, { address: from.address, transport: 'udp' });
    if (answer !== undefined) this.#socket.send(answer, sender);
    this.#tick();
  }

  /** RFC 2608 §12.2: by search or unasked, it is all the same. */
  #heardOfAgent(data: Uint8Array, from: Endpoint, now: number): void {
    if (data[1] !== DA_ADVERT) return;
    try {
      const { body } = decodeMessage(data);
      const agent = body.kind === 'DAAdvert' ? directoryAgentOf(body, from) : undefined;
      if (agent === undefined || this.#options.ownAddresses.includes(agent.endpoint.address)) return;
      this.#registrar.heard(agent, now);
    } catch {
      // What cannot be read says nothing of any agent.
    }
  }

  /** Everything that is due, and the timer for what is due next. */
  #tick(): void {
    const { clock } = this.#options;
    const now = clock.monotonic();
    if (this.#farewell === undefined) this.#findAndTell(now);
    for (const search of this.#searches) this.#send(search.poll(now));
    this.#searches = this.#searches.filter(({ isOver }) => !isOver);
    this.#perform(this.#registrar.poll(now));
    const { done, end = Number.POSITIVE_INFINITY } = this.#farewell ?? {};
    if (done !== undefined && (this.#registrar.isIdle || now >= end)) done();
    this.#timer?.cancel();
    const times = [this.#registrar.deadline, end, ...this.#searches.map(({ deadline }) => deadline)];
    if (this.#farewell === undefined) times.push(this.#nextSearch, this.#nextBeat);
    const next = Math.min(...times.map((time) => time ?? Number.POSITIVE_INFINITY));
    if (Number.isFinite(next)) this.#timer = clock.after(Math.max(0, next - now), () => this.#tick());
  }

  #findAndTell(now: number): void {
    if (now >= this.#nextBeat) {
      this.#nextBeat = now + this.#timing.directoryAgentBeat;
      this.#announce(false);
    }
    if (now < this.#nextSearch) return;
    this.#nextSearch = now + this.#timing.directoryAgentFind;
    const { scopes, place, directoryAgents } = this.#options;
    const search = { xid: this.#xid(), languageTag: ENGLISH, body: searchFor(scopes) };
    this.#begin(new MulticastExchange(search, { to: place.directoryAgentGroups, timing: this.#timing }), now);
    // RFC 2608 §12: without scopes, to learn those of the agent.
    for (const address of directoryAgents) {
      const header = slpHeader({ xid: this.#xid(), languageTag: ENGLISH });
      this.#begin(new UnicastExchange({ header, body: searchFor([]) }, { address, port: SLP_PORT }, this.#timing), now);
    }
  }

  #begin(search: Exchange, now: number): void {
    this.#searches.push(search);
    this.#send(search.start(now));
  }

  #announce(isClosing: boolean): void {
    const data = this.#agent.unsolicitedAdvertisement(ENGLISH, isClosing);
    if (data !== undefined) this.#send(this.#options.place.directoryAgentGroups.map((to) => ({ data, to })));
  }

  #perform(actions: readonly RegistrarAction[]): void {
    for (const action of actions) {
      if (action.type === 'send') this.#send([action.datagram]);
      else if (action.type === 'event') this.#options.onEvent(action.event);
      else void this.#connect(action.data, action.to);
    }
  }

  async #connect(request: Uint8Array, to: Endpoint): Promise<void> {
    const { network, clock } = this.#options;
    const { signal } = this.#ended;
    try {
      const answer = await requestByTcp({ network, clock, to, request, timeout: this.#timing.retryMax, signal });
      this.#perform(this.#registrar.receive(answer, to, clock.monotonic()));
    } catch {
      this.#registrar.connectFailed(to);
    }
    if (!signal.aborted) this.#tick();
  }

  #send(datagrams: readonly { readonly data: Uint8Array; readonly to: Endpoint }[]): void {
    for (const { data, to } of datagrams) this.#socket.send(data, to);
  }

  #xid(): number {
    return 1 + Math.floor(this.#options.random() * 0xffff);
  }

  /** Others hear that this directory agent goes, and forget the targets that they know from it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { clock } = this.#options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#searches = [];
    this.#farewell = { done: resolve, end: clock.monotonic() + FAREWELL };
    this.#announce(true);
    this.#perform(this.#registrar.withdraw(clock.monotonic()));
    this.#tick();
    await promise;
    this.#timer?.cancel();
    this.#ended.abort();
    await this.#connections?.[Symbol.asyncDispose]();
    await this.#socket.close();
  }
}

const DA_ADVERT = 8;

function searchFor(scopes: readonly string[]): ServiceRequest {
  return { kind: 'SrvRqst', previousResponders: [], serviceType: DIRECTORY_AGENT, scopes, predicate: '', spi: '' };
}
