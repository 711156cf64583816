/**
 * A DHCPv4 client (RFC 2131 §4.4, figure 5).
 *
 * It has no socket and no timer: the owner hands it each datagram that reaches the client port, calls `poll` when `deadline` has
 * come, and carries out the actions that both give back. Times are milliseconds on one clock of the owner's that never jumps.
 */

import { type Ipv4Address, Patience } from '../../bytes/index.ts';
import { type DhcpMessage, MessageType } from '../message.ts';
import { Option } from '../option.ts';
import { contradiction } from './acknowledgement.ts';
import { ClientAuthentication } from './authentication.ts';
import { giveUpError } from './give-up.ts';
import { type DhcpLease, type LeaseContext, leaseFrom } from './lease.ts';
import { Obstacles } from './obstacles.ts';
import { type RankedOffer, serverOf } from './offer.ts';
import type { DhcpClientOptions, DhcpQuestion } from './options.ts';
import { type Reception, type Reply, receiveReply } from './reply.ts';
import { ClientRequests } from './requests.ts';
import { renewalDelay, retransmissionDelay } from './retransmission.ts';
import { isAnswerTo, type Selection, selectionFrom, withOffer } from './selection.ts';
import {
  type DhcpClientAction,
  nextStepAt,
  type Requesting,
  type Selecting,
  type State,
  type Transmission,
} from './state.ts';

const defaultTimeout = 30_000;
const defaultOfferWindow = 2000;
/** A server that refuses what it has just offered must not be asked again at full speed. */
const pauseAfterNak = 1000;
/** After a DECLINE (RFC 2131 §3.1, step 5). */
const pauseAfterDecline = 10_000;
/**
 * Requests that go unanswered before the client forgets the offer, or the earlier address, and discovers again. RFC 2131 §4.4.1 would
 * allow four, but a machine that boots has more use for another server than for a minute's patience with a silent one.
 */
const requestAttempts = 2;
const rebootAttempts = 2;

export class DhcpClient {
  readonly #options: DhcpClientOptions;
  readonly #question: DhcpQuestion;
  readonly #authentication: ClientAuthentication | undefined;
  readonly #requests: ClientRequests;
  readonly #random: () => number;
  readonly #patience: Patience;
  readonly #obstacles = new Obstacles();
  #state: State = { name: 'stopped' };
  #startedAt = 0;

  /** `random` gives [0, 1): transaction identifiers and retransmission times come from it. */
  constructor(options: DhcpClientOptions, random: () => number) {
    this.#options = options;
    this.#question = options.question ?? { kind: 'lease' };
    const { authentication } = options;
    this.#authentication = authentication === undefined ? undefined : new ClientAuthentication(authentication);
    this.#requests = new ClientRequests(options, this.#authentication);
    this.#random = random;
    this.#patience = new Patience(options.timeout ?? defaultTimeout);
  }

  get state(): State['name'] {
    return this.#state.name;
  }

  /** When `poll` must be called; undefined when only a datagram can change anything. */
  get deadline(): number | undefined {
    return this.#patience.deadline(nextStepAt(this.#state));
  }

  start(now: number): DhcpClientAction[] {
    this.#startedAt = now;
    this.#patience.begin(now);
    const { previousAddress } = this.#options;
    if (previousAddress === undefined) return this.#discover(now, 0);
    return this.#reboot(previousAddress, now, 0);
  }

  /** Does what is due. Calling it early is harmless. */
  poll(now: number): DhcpClientAction[] {
    if (this.#patience.isOver(now)) return this.#giveUp();
    const next = nextStepAt(this.#state);
    if (next === undefined || now < next) return [];
    const state = this.#state;
    switch (state.name) {
      case 'init':
        return this.#discover(now, 0);
      case 'selecting':
        if (state.chooseAt !== undefined && now >= state.chooseAt) return this.#choose(state, now);
        return this.#discover(now, state.transmission.attempt + 1, state);
      case 'requesting':
        if (state.transmission.attempt + 1 >= requestAttempts) return this.#discover(now, 0);
        return this.#request(state.choice, state.proxyOffer, now, state.transmission);
      case 'rebooting':
        if (state.transmission.attempt + 1 >= rebootAttempts) return this.#discover(now, 0);
        return this.#reboot(state.address, now, state.transmission.attempt + 1, state.transmission);
      case 'bound':
      case 'renewing':
      case 'rebinding':
        return this.#prolong(state.lease, now);
      case 'stopped':
        return [];
    }
  }

  /** Takes a datagram of the client port. What is not an answer to this client's question is dropped. */
  receive(data: Uint8Array, now: number): DhcpClientAction[] {
    const state = this.#state;
    if (!('transmission' in state)) return [];
    const reception = receiveReply(data, state.transmission.xid, this.#options, this.#authentication);
    if (reception.kind === 'other') return [];
    if (reception.kind === 'discarded') return this.#discarded(state, reception, now);
    const { reply } = reception;
    if (state.name === 'selecting') {
      return isAnswerTo(this.#question, reply.type) ? this.#offered(state, reply, now) : [];
    }
    if (reply.type === MessageType.nak) return this.#refused(state, reply.message, now);
    return reply.type === MessageType.ack ? this.#acknowledged(state, reply) : [];
  }

  /** The address was found in use by somebody else (RFC 2131 §4.4.4): tells the server, and starts again after a pause. */
  decline(now: number): DhcpClientAction[] {
    if (!('lease' in this.#state)) return [];
    const { lease } = this.#state;
    this.#state = { name: 'init', startAt: now + pauseAfterDecline };
    this.#startedAt = now;
    this.#patience.begin(now + pauseAfterDecline);
    return [this.#requests.decline(lease, this.#newXid())];
  }

  /** Gives the address back (RFC 2131 §4.4.6) and ends. */
  release(): DhcpClientAction[] {
    const state = this.#state;
    this.stop();
    return 'lease' in state ? [this.#requests.release(state.lease, this.#newXid())] : [];
  }

  stop(): void {
    this.#state = { name: 'stopped' };
    this.#patience.stop();
  }

  /** What must not be believed; where nobody has a lease yet, an ACK of the chosen server like that ends the attempt. */
  #discarded(
    state: Extract<State, { transmission: Transmission }>,
    { message, reason, unproven }: Extract<Reception, { kind: 'discarded' }>,
    now: number,
  ): DhcpClientAction[] {
    const server = serverOf(message);
    // RFC 3118 §5.5.1, step 4: back to INIT.
    const isAck = message.options.find(Option.messageType) === MessageType.ack;
    if (unproven && isAck && state.name === 'requesting' && server === serverOf(state.choice.message)) {
      this.#restart(now, false);
    }
    return this.#obstacles.tell({ kind: unproven ? 'unproven' : 'discarded', server, reason });
  }

  #discover(now: number, attempt: number, before?: Selecting): DhcpClientAction[] {
    const transmission = this.#transmit(now, attempt, before?.transmission);
    this.#state = { name: 'selecting', transmission, offers: before?.offers ?? [], chooseAt: undefined };
    return [this.#requests.ask(this.#question, this.#fields(transmission, now))];
  }

  #offered(state: Selecting, { message, key }: Reply, now: number): DhcpClientAction[] {
    const offers = withOffer(state.offers, { message, key });
    const selection = selectionFrom(offers, this.#question);
    const window = this.#options.offerWindow ?? defaultOfferWindow;
    const chooseAt = state.chooseAt ?? (selection === undefined ? undefined : now + window);
    this.#state = { ...state, offers, chooseAt };
    const heard: DhcpClientAction[] = offers.length > state.offers.length ? [{ type: 'offer', message }] : [];
    return selection?.isBest === true ? [...heard, ...this.#take(selection, now)] : heard;
  }

  #choose(state: Selecting, now: number): DhcpClientAction[] {
    const selection = selectionFrom(state.offers, this.#question);
    if (selection === undefined) return this.#discover(now, state.transmission.attempt + 1, state);
    return this.#take(selection, now);
  }

  #take({ choice, ranking, proxyOffer, isFinal }: Selection, now: number): DhcpClientAction[] {
    const told: DhcpClientAction[] = ranking.length > 1 ? [{ type: 'chosen', ranking }] : [];
    if (isFinal) return [...told, ...this.#bind(choice.message, contextOf(choice, proxyOffer), now, 'bound')];
    this.#obstacles.note({ kind: 'unconfirmed', offer: choice.message });
    return [...told, ...this.#request(choice, proxyOffer, now, undefined)];
  }

  #request(
    choice: RankedOffer,
    proxyOffer: DhcpMessage | undefined,
    now: number,
    before: Transmission | undefined,
  ): DhcpClientAction[] {
    const { message: offer, key } = choice;
    // RFC 2131 §4.4.1: the REQUEST has the xid of the offer.
    const transmission = this.#transmit(now, before === undefined ? 0 : before.attempt + 1, { xid: offer.xid });
    this.#state = { name: 'requesting', transmission, choice, proxyOffer };
    return [this.#requests.select(offer, key, this.#fields(transmission, now))];
  }

  #reboot(address: Ipv4Address, now: number, attempt: number, before?: Transmission): DhcpClientAction[] {
    const transmission = this.#transmit(now, attempt, before);
    this.#state = { name: 'rebooting', transmission, address };
    return [this.#requests.reboot(address, this.#fields(transmission, now))];
  }

  #refused(state: State, nak: DhcpMessage, now: number): DhcpClientAction[] {
    const server = serverOf(nak);
    // Somebody else's server may refuse what it did not offer.
    if (state.name === 'requesting' && server !== serverOf(state.choice.message)) return [];
    const message = nak.options.find(Option.message) ?? 'no reason given';
    this.#obstacles.note({ kind: 'refused', server, message });
    const refusal: DhcpClientAction = { type: 'nak', server, message };
    const lost: DhcpClientAction[] = 'lease' in state ? [{ type: 'lost', lease: state.lease }] : [];
    this.#restart(now, 'lease' in state);
    return [refusal, ...lost];
  }

  #restart(now: number, hadLease: boolean): void {
    if (hadLease) {
      this.#startedAt = now;
      this.#patience.begin(now);
    }
    this.#state = { name: 'init', startAt: now + pauseAfterNak };
  }

  #acknowledged(state: Exclude<Extract<State, { transmission: Transmission }>, Selecting>, reply: Reply) {
    const { message: ack, key } = reply;
    const { sentAt } = state.transmission;
    switch (state.name) {
      case 'requesting':
        return this.#confirmed(state, reply);
      case 'rebooting': {
        if (ack.yiaddr !== state.address) return this.#contradicted(ack, state.address);
        const reason = 'confirmed the earlier address';
        return this.#bind(ack, { offer: undefined, proxyOffer: undefined, reason, key }, sentAt, 'bound');
      }
      case 'renewing':
      case 'rebinding': {
        if (ack.yiaddr !== state.lease.address) return this.#contradicted(ack, state.lease.address);
        return this.#bind(ack, { ...state.lease, key }, sentAt, 'renewed');
      }
    }
  }

  #confirmed({ choice, proxyOffer, transmission }: Requesting, { message: ack, key }: Reply): DhcpClientAction[] {
    const server = serverOf(ack);
    if (server !== serverOf(choice.message)) return [];
    const what = contradiction(choice.message, ack);
    if (what !== undefined) return this.#obstacles.tell({ kind: 'contradicted', server, what });
    return this.#bind(ack, { ...contextOf(choice, proxyOffer), key }, transmission.sentAt, 'bound');
  }

  #contradicted(ack: DhcpMessage, address: Ipv4Address): DhcpClientAction[] {
    const what = `was asked for ${address} and confirmed ${ack.yiaddr}`;
    return this.#obstacles.tell({ kind: 'contradicted', server: serverOf(ack), what });
  }

  #bind(reply: DhcpMessage, context: LeaseContext, sentAt: number, type: 'bound' | 'renewed'): DhcpClientAction[] {
    const address = this.#question.kind === 'inform' ? this.#question.address : reply.yiaddr;
    const lease = leaseFrom(reply, address, context, sentAt);
    this.#state = { name: 'bound', lease };
    this.#patience.stop();
    this.#obstacles.forget();
    return [{ type, lease }];
  }

  #prolong(lease: DhcpLease, now: number): DhcpClientAction[] {
    if (now >= lease.expiresAt) {
      this.#startedAt = now;
      this.#patience.begin(now);
      return [{ type: 'lost', lease }, ...this.#discover(now, 0)];
    }
    const name = now >= lease.rebindAt ? 'rebinding' : 'renewing';
    const until = name === 'renewing' ? lease.rebindAt : lease.expiresAt;
    const xid = this.#state.name === name ? this.#state.transmission.xid : this.#newXid();
    const transmission = { xid, attempt: 0, sentAt: now, nextAt: now + renewalDelay(until - now) };
    this.#state = { name, transmission, lease };
    return [name === 'renewing' ? this.#requests.renew(lease, xid) : this.#requests.rebind(lease, xid)];
  }

  #giveUp(): DhcpClientAction[] {
    const who = this.#options.hardwareAddress;
    this.stop();
    return [{ type: 'failed', error: giveUpError(who, String(this.#patience), this.#obstacles.worst) }];
  }

  #transmit(now: number, attempt: number, before: Pick<Transmission, 'xid'> | undefined): Transmission {
    const nextAt = now + retransmissionDelay(attempt, this.#random);
    return { xid: before?.xid ?? this.#newXid(), attempt, sentAt: now, nextAt };
  }

  #newXid(): number {
    return Math.floor(this.#random() * 2 ** 32);
  }

  #fields({ xid }: Transmission, now: number): { xid: number; secs: number } {
    return { xid, secs: Math.min(0xffff, Math.max(0, Math.floor((now - this.#startedAt) / 1000))) };
  }
}

function contextOf({ message, reason, key }: RankedOffer, proxyOffer: DhcpMessage | undefined): LeaseContext {
  return { offer: message, proxyOffer, reason, key };
}
