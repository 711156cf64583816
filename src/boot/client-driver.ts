/**
 * What a protocol client's state machine needs to be alive: a socket, the clock, and somebody who waits for what comes of it.
 *
 * It goes on after the first answer, until it is disposed of or loses what it holds.
 */

import { DisklessError } from '../bytes/index.ts';
import type { Clock, Timer } from '../os/clock.ts';
import type { Endpoint, Network, UdpOptions, UdpSocket } from '../os/network.ts';
import type { StageTrace } from './trace.ts';

/** A state machine without socket and timer. Times are milliseconds of `Clock.monotonic`. */
export interface ClientMachine<Action> {
  /** When `poll` must be called; undefined when only a datagram can change anything. */
  readonly deadline: number | undefined;
  start(now: number): readonly Action[];
  receive(data: Uint8Array, now: number): readonly Action[];
  poll(now: number): readonly Action[];
  stop(): void;
}

/** What an action of the machine means to its owner. */
export type Consequence<Answer> =
  | { readonly kind: 'send'; readonly data: Uint8Array; readonly to: Endpoint }
  | { readonly kind: 'answered'; readonly answer: Answer }
  | { readonly kind: 'failed'; readonly error: DisklessError }
  /** What it holds must not be used any more. */
  | { readonly kind: 'lost'; readonly error: DisklessError }
  | { readonly kind: 'told' };

/** A client, and where and how it asks. */
export interface Question<Machine extends ClientMachine<Action>, Action, Answer> {
  readonly network: Network;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly socket: UdpOptions & { readonly interface: string };
  readonly machine: Machine;
  /** A line for the trace; undefined where an error tells it. */
  narrate(action: Action): string | undefined;
  consequence(action: Action): Consequence<Answer>;
}

export class ClientDriver<Machine extends ClientMachine<Action>, Action, Answer> implements AsyncDisposable {
  readonly #question: Question<Machine, Action, Answer>;
  readonly #trace: StageTrace;
  readonly #socket: UdpSocket;
  readonly #lost = new AbortController();
  readonly #listeners = new Set<() => void>();
  #latest: Answer | undefined;
  #answer = Promise.withResolvers<Answer>();
  #timer: Timer | undefined;

  private constructor(question: Question<Machine, Action, Answer>, socket: UdpSocket, trace: StageTrace) {
    this.#question = question;
    this.#trace = trace;
    this.#socket = socket;
  }

  /** Asks until there is an answer. Raises what the client fails with, NETWORK_..., ABORTED. */
  static async obtain<Machine extends ClientMachine<Action>, Action, Answer>(
    question: Question<Machine, Action, Answer>,
    trace: StageTrace,
  ): Promise<{ readonly held: ClientDriver<Machine, Action, Answer>; readonly answer: Answer }> {
    const socket = await question.network.openUdp(question.socket);
    const held = new ClientDriver(question, socket, trace);
    try {
      held.#listen();
      return { held, answer: await held.ask((machine, now) => machine.start(now)) };
    } catch (error) {
      await held[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Aborted with the client's own error when what it holds must not be used any more. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** What was answered last. */
  get latest(): Answer | undefined {
    return this.#latest;
  }

  /** Tells of each answer that comes, until the result is disposed of. */
  onAnswer(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Makes the machine begin something, and waits for the answer. Raises what `obtain` does. */
  async ask(begin: (machine: Machine, now: number) => readonly Action[]): Promise<Answer> {
    const { machine, clock, signal, socket } = this.#question;
    const answer = Promise.withResolvers<Answer>();
    this.#answer = answer;
    const giveUp = () => answer.reject(aborted(socket.interface));
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      if (signal.aborted) giveUp();
      else this.#perform(begin(machine, clock.monotonic()));
      return await answer.promise;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  #listen(): void {
    const { machine, clock } = this.#question;
    // A datagram that could not be sent is lost like any other: the state machine sends it again.
    this.#socket.start({
      message: (data) => this.#perform(machine.receive(data, clock.monotonic())),
      error: (error) => this.#trace.step(`sending failed: ${error.message}`),
    });
  }

  #perform(actions: readonly Action[]): void {
    for (const action of actions) {
      const text = this.#question.narrate(action);
      if (text !== undefined) this.#trace.step(text);
      this.#bear(this.#question.consequence(action));
      if (this.#lost.signal.aborted) return;
    }
    this.#sleep();
  }

  #bear(consequence: Consequence<Answer>): void {
    switch (consequence.kind) {
      case 'send':
        this.#socket.send(consequence.data, consequence.to);
        return;
      case 'answered':
        this.#latest = consequence.answer;
        for (const listener of this.#listeners) listener();
        this.#answer.resolve(consequence.answer);
        return;
      case 'failed':
        this.#answer.reject(consequence.error);
        return;
      case 'lost':
        // Everything that uses it stops at once; another one would be of no use to it.
        this.#stop();
        this.#lost.abort(consequence.error);
        return;
      case 'told':
        return;
    }
  }

  #sleep(): void {
    const { machine, clock } = this.#question;
    this.#timer?.cancel();
    const { deadline } = machine;
    if (deadline === undefined) return;
    const poll = () => this.#perform(machine.poll(clock.monotonic()));
    this.#timer = clock.after(Math.max(0, deadline - clock.monotonic()), poll);
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#question.machine.stop();
  }

  /** Asks no more. What is held is not given back: the machine's own system may be using the same. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop();
    await this.#socket.close();
  }
}

function aborted(interfaceName: string): DisklessError {
  return new DisklessError('ABORTED', `asking for an address on ${interfaceName} was given up`);
}
