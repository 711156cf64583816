/** A DHCP lease from the first question to its end: a client's state machine with a socket of the interface and the clock. */

import { DisklessError } from '../bytes/index.ts';
import { DhcpClient } from '../dhcp/client/client.ts';
import type { DhcpLease } from '../dhcp/client/lease.ts';
import type { DhcpClientOptions } from '../dhcp/client/options.ts';
import type { DhcpClientAction } from '../dhcp/client/state.ts';
import { DhcpPort } from '../dhcp/datagram.ts';
import type { Clock, Timer } from '../os/clock.ts';
import type { Network, UdpSocket } from '../os/network.ts';
import { narrate } from './dhcp-narration.ts';
import type { StageTrace } from './trace.ts';

export interface LeaseOptions {
  readonly network: Network;
  readonly clock: Clock;
  /** Gives [0, 1). */
  readonly random: () => number;
  /** The name of the interface. */
  readonly interface: string;
  readonly client: DhcpClientOptions;
  readonly signal: AbortSignal;
}

/** It is renewed as long as it is held. */
export class HeldLease implements AsyncDisposable {
  readonly #options: LeaseOptions;
  readonly #trace: StageTrace;
  readonly #socket: UdpSocket;
  readonly #client: DhcpClient;
  readonly #bound = Promise.withResolvers<DhcpLease>();
  readonly #lost = new AbortController();
  #timer: Timer | undefined;
  #refusal = 'no server has renewed it';

  private constructor(options: LeaseOptions, socket: UdpSocket, trace: StageTrace) {
    this.#options = options;
    this.#trace = trace;
    this.#socket = socket;
    this.#client = new DhcpClient(options.client, options.random);
  }

  /** Asks until a server has given what is asked for. Raises what the client fails with, NETWORK_..., ABORTED. */
  static async obtain(options: LeaseOptions, trace: StageTrace): Promise<{ held: HeldLease; lease: DhcpLease }> {
    const { network, signal } = options;
    const socket = await network.openUdp({
      interface: options.interface,
      port: DhcpPort.client,
      broadcast: true,
      reuseAddress: true,
    });
    const held = new HeldLease(options, socket, trace);
    const giveUp = () => held.#bound.reject(aborted(options.interface));
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      if (signal.aborted) giveUp();
      else held.#start();
      return { held, lease: await held.#bound.promise };
    } catch (error) {
      await held[Symbol.asyncDispose]();
      throw error;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  /** Aborted with DHCP_LEASE_LOST when the address must not be used any more. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  #start(): void {
    const { clock } = this.#options;
    // A datagram that could not be sent is lost like any other: the state machine sends it again.
    this.#socket.start({
      message: (data) => this.#perform(this.#client.receive(data, clock.monotonic())),
      error: (error) => this.#trace.step(`sending failed: ${error.message}`),
    });
    this.#perform(this.#client.start(clock.monotonic()));
  }

  #perform(actions: readonly DhcpClientAction[]): void {
    for (const action of actions) {
      const text = narrate(action, this.#options.interface);
      if (text !== undefined) this.#trace.step(text);
      this.#carryOut(action);
      if (this.#lost.signal.aborted) return;
    }
    this.#sleep();
  }

  #carryOut(action: DhcpClientAction): void {
    switch (action.type) {
      case 'send':
        this.#socket.send(action.datagram.data, action.datagram.to);
        return;
      case 'bound':
      case 'renewed':
        this.#bound.resolve(action.lease);
        return;
      case 'nak':
        this.#refusal = `${action.server} has refused to renew it: ${action.message}`;
        return;
      case 'lost':
        this.#end(action.lease);
        return;
      case 'failed':
        this.#bound.reject(action.error);
        return;
      default:
        return;
    }
  }

  #sleep(): void {
    const { clock } = this.#options;
    this.#timer?.cancel();
    const { deadline } = this.#client;
    if (deadline === undefined) return;
    const poll = () => this.#perform(this.#client.poll(clock.monotonic()));
    this.#timer = clock.after(Math.max(0, deadline - clock.monotonic()), poll);
  }

  /** RFC 2131 §4.4.5: everything that uses the address stops at once; another one would be of no use to it. */
  #end({ address }: DhcpLease): void {
    this.#stop();
    const what = `the lease of ${address} on ${this.#options.interface} is over: ${this.#refusal}`;
    const hint = 'Look at the DHCP server; machines that run from the network need leases that outlast its restarts.';
    this.#lost.abort(new DisklessError('DHCP_LEASE_LOST', what, { hint }));
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
  return new DisklessError('ABORTED', `asking for an address on ${interfaceName} was given up`);
}
