/** What DHCPv6 gave, from the first question to its end: a client's state machine with a socket of the interface and the clock. */

import { DisklessError } from '../bytes/index.ts';
import { Dhcp6Client } from '../dhcp6/client/client.ts';
import type { Dhcp6Information, Dhcp6Lease } from '../dhcp6/client/lease.ts';
import type { Dhcp6ClientOptions } from '../dhcp6/client/options.ts';
import type { Dhcp6ClientAction } from '../dhcp6/client/state.ts';
import { Dhcp6Port } from '../dhcp6/datagram.ts';
import type { Clock, Timer } from '../os/clock.ts';
import type { Network, UdpSocket } from '../os/network.ts';
import { narrate } from './dhcp6-narration.ts';
import type { StageTrace } from './trace.ts';

export interface Dhcp6Question {
  readonly network: Network;
  readonly clock: Clock;
  /** Gives [0, 1). */
  readonly random: () => number;
  /** The name of the interface. */
  readonly interface: string;
  readonly client: Dhcp6ClientOptions;
  readonly signal: AbortSignal;
}

export type Dhcp6Answer =
  | { readonly kind: 'lease'; readonly lease: Dhcp6Lease }
  | { readonly kind: 'information'; readonly information: Dhcp6Information };

/** The lease is renewed, and the information asked for again, as long as it is held. */
export class HeldDhcp6 implements AsyncDisposable {
  readonly #question: Dhcp6Question;
  readonly #trace: StageTrace;
  readonly #socket: UdpSocket;
  readonly #client: Dhcp6Client;
  readonly #lost = new AbortController();
  #answer = Promise.withResolvers<Dhcp6Answer>();
  #timer: Timer | undefined;

  private constructor(question: Dhcp6Question, socket: UdpSocket, trace: StageTrace) {
    this.#question = question;
    this.#trace = trace;
    this.#socket = socket;
    this.#client = new Dhcp6Client(question.client, question.random);
  }

  /** Asks until a server has given what is asked for. Raises what the client fails with, NETWORK_..., ABORTED. */
  static async obtain(
    question: Dhcp6Question,
    trace: StageTrace,
  ): Promise<{ readonly held: HeldDhcp6; readonly answer: Dhcp6Answer }> {
    const { network } = question;
    const socket = await network.openUdp({
      address: '::',
      interface: question.interface,
      port: Dhcp6Port.client,
      reuseAddress: true,
    });
    const held = new HeldDhcp6(question, socket, trace);
    try {
      return { held, answer: await held.#awaitAnswer(() => held.#start()) };
    } catch (error) {
      await held[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Aborted with DHCP6_LEASE_LOST when the address must not be used any more. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Somebody else has the address (RFC 8415 §18.2.8): the server is told, and asked for another one. Raises what `obtain` does. */
  decline(): Promise<Dhcp6Answer> {
    this.#answer = Promise.withResolvers();
    return this.#awaitAnswer(() => this.#perform(this.#client.decline(this.#question.clock.monotonic())));
  }

  async #awaitAnswer(begin: () => void): Promise<Dhcp6Answer> {
    const { signal } = this.#question;
    const giveUp = () => this.#answer.reject(aborted(this.#question.interface));
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      if (signal.aborted) giveUp();
      else begin();
      return await this.#answer.promise;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  #start(): void {
    const { clock } = this.#question;
    // A datagram that could not be sent is lost like any other: the state machine sends it again.
    this.#socket.start({
      message: (data) => this.#perform(this.#client.receive(data, clock.monotonic())),
      error: (error) => this.#trace.step(`sending failed: ${error.message}`),
    });
    this.#perform(this.#client.start(clock.monotonic()));
  }

  #perform(actions: readonly Dhcp6ClientAction[]): void {
    for (const action of actions) {
      const text = narrate(action, this.#question.interface);
      if (text !== undefined) this.#trace.step(text);
      this.#carryOut(action);
      if (this.#lost.signal.aborted) return;
    }
    this.#sleep();
  }

  #carryOut(action: Dhcp6ClientAction): void {
    switch (action.type) {
      case 'send':
        this.#socket.send(action.datagram.data, action.datagram.to);
        return;
      case 'bound':
        this.#answer.resolve({ kind: 'lease', lease: action.lease });
        return;
      case 'informed':
        this.#answer.resolve({ kind: 'information', information: action.information });
        return;
      case 'lost':
        this.#end(action.lease);
        return;
      case 'failed':
        this.#answer.reject(action.error);
        return;
      default:
        return;
    }
  }

  #sleep(): void {
    const { clock } = this.#question;
    this.#timer?.cancel();
    const { deadline } = this.#client;
    if (deadline === undefined) return;
    const poll = () => this.#perform(this.#client.poll(clock.monotonic()));
    this.#timer = clock.after(Math.max(0, deadline - clock.monotonic()), poll);
  }

  /** Everything that uses the address stops at once; another one would be of no use to it. */
  #end({ addresses }: Dhcp6Lease): void {
    this.#stop();
    const names = addresses.map(({ address }) => address).join(', ');
    const what = `the lease of ${names} on ${this.#question.interface} is over: no server has prolonged it`;
    const hint = 'Look at the DHCPv6 server; machines that run from the network need leases that outlast its restarts.';
    this.#lost.abort(new DisklessError('DHCP6_LEASE_LOST', what, { hint }));
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#client.stop();
  }

  /** Renews no more. The lease is not given back: the machine's own system may be using the same one. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop();
    await this.#socket.close();
  }
}

function aborted(interfaceName: string): DisklessError {
  return new DisklessError('ABORTED', `asking by DHCPv6 on ${interfaceName} was given up`);
}
