/** SLP's user agent (RFC 2608 §6) with a socket: it asks agents by unicast, and everybody by multicast. */

import { DisklessError } from '../bytes/index.ts';
import type { Clock, Timer } from '../os/clock.ts';
import type { Endpoint, Network, UdpSocket } from '../os/network.ts';
import { multicastScopes } from '../slp/address-scope.ts';
import type { AttributeRequest, ServiceRequest } from '../slp/body.ts';
import { withoutZone } from '../slp/endpoint.ts';
import type { Exchange } from '../slp/exchange.ts';
import { slpHeader } from '../slp/header.ts';
import type { SlpMessage } from '../slp/message.ts';
import { type MulticastAnswer, MulticastExchange, type MulticastOptions } from '../slp/multicast-exchange.ts';
import { IPV4_GROUP, ipv6GroupOf, MULTICAST_TTL } from '../slp/multicast-group.ts';
import { ENGLISH, SLP_PORT, type SlpTiming } from '../slp/protocol.ts';
import { UnicastExchange } from '../slp/unicast-exchange.ts';
import { requestByTcp } from './slp-tcp-request.ts';

export interface SlpUserAgentOptions {
  readonly network: Network;
  readonly clock: Clock;
  /** Gives [0, 1). */
  readonly random: () => number;
  /** This machine's own, from which it asks: an IPv4 or IPv6 literal. */
  readonly address: string;
  /** Whose multicasts IPv6 sends; IPv4 goes by the address. */
  readonly interface?: string;
  readonly timing: SlpTiming;
  /** Milliseconds of the clock that never jumps: no request takes longer. */
  readonly deadline: number;
  /** Ends whatever is under way. */
  readonly signal: AbortSignal;
}

export class SlpUserAgent implements AsyncDisposable {
  readonly #options: SlpUserAgentOptions;
  readonly #socket: UdpSocket;
  #exchange: Exchange | undefined;
  #advance: () => void = () => {};

  private constructor(options: SlpUserAgentOptions, socket: UdpSocket) {
    this.#options = options;
    this.#socket = socket;
  }

  /** Raises NETWORK_ADDRESS_UNKNOWN, NETWORK_INTERFACE_UNKNOWN. */
  static async open(options: SlpUserAgentOptions): Promise<SlpUserAgent> {
    const { network, address, interface: name } = options;
    const isOfInterface = address.includes(':') && name !== undefined;
    const place = isOfInterface ? { address: '::', interface: name } : { address };
    const socket = await network.openUdp({ ...place, port: 0, multicastHops: MULTICAST_TTL });
    const agent = new SlpUserAgent(options, socket);
    socket.start({ message: (data, from) => agent.#receive(data, from), error: () => {} });
    return agent;
  }

  /**
   * Asks one agent. Undefined when it is silent. By TCP when the answer is too long for a datagram. Raises what the connection
   * raises, and the reason of `signal`.
   */
  async ask(to: Endpoint, body: ServiceRequest | AttributeRequest): Promise<SlpMessage | undefined> {
    const { network, clock, signal } = this.#options;
    const timing = this.#inTime(this.#options.timing);
    const header = slpHeader({ xid: this.#xid(), languageTag: ENGLISH });
    const exchange = new UnicastExchange({ header, body }, to, timing);
    await this.#run(exchange);
    if (exchange.outcome?.kind === 'too-long') {
      const request = exchange.bytes;
      exchange.receiveByTcp(
        await requestByTcp({ network, clock, to, request, timeout: this.#inTime(timing).retryMax, signal }),
      );
      if (exchange.outcome.kind === 'too-long') throw otherAnswer(to);
    }
    return exchange.outcome?.kind === 'answer' ? exchange.outcome.message : undefined;
  }

  /** Asks everybody, until one answer is enough or no more come. Raises the reason of `signal`. */
  async search(
    body: ServiceRequest,
    { isEnough, timing = this.#options.timing }: { isEnough?: MulticastOptions['isEnough']; timing?: SlpTiming } = {},
  ): Promise<readonly MulticastAnswer[]> {
    const request = { xid: this.#xid(), languageTag: ENGLISH, body };
    const exchange = new MulticastExchange(request, {
      to: this.#groupsOf(body),
      timing: this.#inTime(timing),
      ...(isEnough === undefined ? {} : { isEnough }),
    });
    await this.#run(exchange);
    return exchange.answers;
  }

  /** Returns after so many milliseconds, or at the deadline. Raises the reason of `signal`. */
  wait(milliseconds: number): Promise<void> {
    return this.#heeding((finish) => {
      const timer = this.#options.clock.after(Math.min(milliseconds, this.#left), finish);
      return () => timer.cancel();
    });
  }

  get #left(): number {
    return Math.max(0, this.#options.deadline - this.#options.clock.monotonic());
  }

  #inTime(timing: SlpTiming): SlpTiming {
    const left = this.#left;
    return { ...timing, multicastMax: Math.min(timing.multicastMax, left), retryMax: Math.min(timing.retryMax, left) };
  }

  #groupsOf(body: ServiceRequest): Endpoint[] {
    const { address } = this.#options;
    const groups = address.includes(':')
      ? multicastScopes(address).map((scope) => ipv6GroupOf(body, scope))
      : [IPV4_GROUP];
    return groups.map((group) => ({ address: group, port: SLP_PORT }));
  }

  /** Never 0, which is for what nobody asked for. */
  #xid(): number {
    return 1 + Math.floor(this.#options.random() * 0xffff);
  }

  #run(exchange: Exchange): Promise<void> {
    const { clock } = this.#options;
    return this.#heeding((finish) => {
      let timer: Timer | undefined;
      this.#exchange = exchange;
      this.#advance = () => {
        timer?.cancel();
        if (exchange.isOver) finish();
        else timer = clock.after(Math.max(0, (exchange.deadline ?? 0) - clock.monotonic()), () => this.#poll(exchange));
      };
      for (const { data, to } of exchange.start(clock.monotonic())) this.#socket.send(data, to);
      this.#advance();
      return () => {
        timer?.cancel();
        this.#exchange = undefined;
      };
    });
  }

  #poll(exchange: Exchange): void {
    for (const { data, to } of exchange.poll(this.#options.clock.monotonic())) this.#socket.send(data, to);
    this.#advance();
  }

  #receive(data: Uint8Array, from: Endpoint): void {
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    const answers = exchange.receive(data, withoutZone(from), this.#options.clock.monotonic());
    for (const { data: answer, to } of answers) this.#socket.send(answer, to);
    this.#advance();
  }

  /** `begin` starts something that calls `finish` when it is over, and gives what ends it early. */
  async #heeding(begin: (finish: () => void) => () => void): Promise<void> {
    const { signal } = this.#options;
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const stop = begin(resolve);
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', abort);
      stop();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#socket.close();
  }
}

function otherAnswer(to: Endpoint): DisklessError {
  return new DisklessError('SLP_NO_ANSWER', `${to.address} answered something else than what it was asked`);
}
