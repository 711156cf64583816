/**
 * A DHCPv6 client (RFC 8415 §18.2): for one address with its configuration, or for the configuration alone.
 *
 * It has no socket and no timer: the owner hands it each datagram that reaches the client port, calls `poll` when `deadline` has
 * come, and carries out the actions that both give back. Times are milliseconds on one clock of the owner's that never jumps.
 */

import { type Ipv6Address, ProtocolError } from '../../bytes/index.ts';
import { allRelayAgentsAndServers, Dhcp6Port } from '../datagram.ts';
import { sameDuid } from '../duid.ts';
import { type Dhcp6Message, decodeMessage, encodeMessage, MessageType } from '../message.ts';
import { Option, StatusCode } from '../option.ts';
import { type AdvertiseChoice, highestPreference, offersAddresses, preferenceOf, ranked } from './advertise.ts';
import { giveUpError, type Refusal } from './give-up.ts';
import { associationOf, type Dhcp6Lease, informationFrom, leaseFrom, renewedLease, statusOf } from './lease.ts';
import { clientMessage, type Dhcp6ClientOptions, type MessageContent } from './options.ts';
import {
  dueAt,
  firstTransmission,
  givenMaximum,
  isExhausted,
  nextTransmission,
  type Retransmission,
  retransmissions,
  type Transmission,
} from './retransmission.ts';
import type { Dhcp6ClientAction, State } from './state.ts';

const defaultTimeout = 30_000;
const defaultLongestDelay = 1000;
/** A server that refuses must not be asked again at full speed (RFC 8415 §14.1). */
const pauseAfterRefusal = 1000;
/** More are a flood. */
const mostAdvertises = 32;

type Named<Name extends State['name']> = Extract<State, { name: Name }>;
type Sending = Extract<State, { transmission: Transmission }>;

export class Dhcp6Client {
  readonly #options: Dhcp6ClientOptions;
  readonly #random: () => number;
  #state: State = { name: 'stopped' };
  /** When to give up; undefined while there is what was asked for. */
  #giveUpAt: number | undefined;
  #lastRefusal: Refusal | undefined;
  #lastAdvertise: Dhcp6Message | undefined;
  #solMaxRt: number | undefined;
  #infMaxRt: number | undefined;

  /** `random` gives [0, 1): transaction identifiers and retransmission times come from it. */
  constructor(options: Dhcp6ClientOptions, random: () => number) {
    this.#options = options;
    this.#random = random;
  }

  get state(): State['name'] {
    return this.#state.name;
  }

  /** When `poll` must be called; undefined when only a datagram can change anything. */
  get deadline(): number | undefined {
    const next = this.#nextStepAt();
    if (this.#giveUpAt === undefined) return next;
    return Math.min(this.#giveUpAt, next ?? this.#giveUpAt);
  }

  start(now: number): Dhcp6ClientAction[] {
    const { mode, previousLease } = this.#options;
    const startAt = this.#afterDelay(now);
    this.#giveUpAt = now + (this.#options.timeout ?? defaultTimeout);
    if (mode === 'stateless') this.#state = { name: 'waiting', next: 'inform', startAt };
    else if (previousLease === undefined) this.#state = { name: 'waiting', next: 'solicit', startAt };
    else this.#state = { name: 'resuming', lease: previousLease, startAt };
    return this.poll(now);
  }

  /** Does what is due. Calling it early is harmless. */
  poll(now: number): Dhcp6ClientAction[] {
    if (this.#giveUpAt !== undefined && now >= this.#giveUpAt) return this.#giveUp();
    const next = this.#nextStepAt();
    if (next === undefined || now < next) return [];
    const state = this.#state;
    switch (state.name) {
      case 'waiting':
        return state.next === 'inform' ? this.#inform(now, undefined) : this.#solicit(now);
      case 'resuming':
        return this.#confirm(state.lease, now);
      case 'bound':
        return this.#renew(state.lease, now);
      case 'informed':
        return this.#inform(now, state.information);
      case 'soliciting':
        return state.advertises.length > 0 ? this.#choose(state.advertises, now) : this.#repeat(state, now);
      case 'renewing':
        return now >= state.lease.rebindAt ? this.#rebind(state.lease, now) : this.#repeat(state, now);
      case 'rebinding':
        return now >= state.lease.expiresAt ? this.#lose(state.lease, now) : this.#repeat(state, now);
      case 'stopped':
        return [];
      default:
        return isExhausted(state.transmission, now) ? this.#exhausted(state, now) : this.#repeat(state, now);
    }
  }

  /** Takes a datagram of the client port. What is not an answer to this client's question is dropped. */
  receive(data: Uint8Array, now: number): Dhcp6ClientAction[] {
    const state = this.#state;
    if (!('transmission' in state)) return [];
    try {
      const message = decodeMessage(data);
      if (!this.#isAnswer(message, state)) return [];
      this.#heedMaximums(message);
      if (message.type === MessageType.advertise) return this.#advertised(state, message, now);
      return message.type === MessageType.reply ? this.#replied(state, message, now) : [];
    } catch (error) {
      // Anybody can send to this port: what does not parse is not an answer.
      if (error instanceof ProtocolError) return [];
      throw error;
    }
  }

  /** The link may be another one (RFC 8415 §18.2.3): asks whether the addresses still belong to it. */
  confirm(now: number): Dhcp6ClientAction[] {
    return this.#state.name === 'bound' ? this.#confirm(this.#state.lease, now) : [];
  }

  /** Addresses were found in use by somebody else (RFC 8415 §18.2.8): tells the server, and starts again. */
  decline(now: number): Dhcp6ClientAction[] {
    return this.#giveBack('declining', now);
  }

  /** Gives the addresses back (RFC 8415 §18.2.7). They must not be used any more, and the client ends when the server knows. */
  release(now: number): Dhcp6ClientAction[] {
    return this.#giveBack('releasing', now);
  }

  stop(): void {
    this.#state = { name: 'stopped' };
    this.#giveUpAt = undefined;
  }

  #nextStepAt(): number | undefined {
    const state = this.#state;
    switch (state.name) {
      case 'waiting':
      case 'resuming':
        return state.startAt;
      case 'bound':
        return finite(state.lease.renewAt);
      case 'informed':
        return finite(state.information.refreshAt);
      case 'renewing':
        return Math.min(dueAt(state.transmission), state.lease.rebindAt);
      case 'rebinding':
        return Math.min(dueAt(state.transmission), state.lease.expiresAt);
      case 'stopped':
        return undefined;
      default:
        return dueAt(state.transmission);
    }
  }

  /** RFC 8415 §16.3, §16.10; Reconfigure (§16.11) is refused, as this client never offers to take any. */
  #isAnswer({ transactionId, options }: Dhcp6Message, state: Sending): boolean {
    if (transactionId !== state.transmission.transactionId) return false;
    if (!sameDuid(options.get(Option.clientIdentifier), this.#options.duid)) return false;
    return options.get(Option.serverIdentifier) !== undefined;
  }

  #heedMaximums({ options }: Dhcp6Message): void {
    this.#solMaxRt = givenMaximum(options.find(Option.solMaxRt)) ?? this.#solMaxRt;
    this.#infMaxRt = givenMaximum(options.find(Option.infMaxRt)) ?? this.#infMaxRt;
  }

  #advertised(state: Sending, advertise: Dhcp6Message, now: number): Dhcp6ClientAction[] {
    if (state.name !== 'soliciting' || state.advertises.length >= mostAdvertises) return [];
    if (!offersAddresses(advertise, this.#options.iaid)) {
      this.#noteRefusal(advertise);
      return [];
    }
    const advertises = [...state.advertises, advertise];
    this.#state = { ...state, advertises };
    const heard: Dhcp6ClientAction = { type: 'advertise', message: advertise };
    // RFC 8415 §18.2.1: the first wait is for all servers, a later one for any.
    const ends = preferenceOf(advertise) === highestPreference || state.transmission.count > 1;
    return ends ? [heard, ...this.#choose(advertises, now)] : [heard];
  }

  #replied(state: Sending, reply: Dhcp6Message, now: number): Dhcp6ClientAction[] {
    switch (state.name) {
      case 'soliciting':
        return this.#committed(reply, now);
      case 'requesting':
        return this.#granted(state, reply, now);
      case 'confirming':
        return this.#confirmed(state, reply, now);
      case 'renewing':
      case 'rebinding':
      case 'reclaiming':
        return this.#prolonged(state, reply, now);
      case 'releasing':
      case 'declining':
        return this.#givenBack(state, now);
      case 'informing':
        return this.#informed(reply, now);
    }
  }

  /** RFC 8415 §18.2.1: an answer to a Solicit with Rapid Commit. */
  #committed(reply: Dhcp6Message, now: number): Dhcp6ClientAction[] {
    if (this.#options.rapidCommit !== true || !reply.options.has(Option.rapidCommit)) return [];
    const context = { advertise: undefined, reason: 'committed itself at once' };
    const lease = leaseFrom(reply, this.#options.iaid, context, now);
    return lease === undefined ? [] : this.#bind('bound', lease);
  }

  #granted(state: Named<'requesting'>, reply: Dhcp6Message, now: number): Dhcp6ClientAction[] {
    const { advertise, reason } = state.choice;
    const server = advertise.options.find(Option.serverIdentifier);
    if (!sameDuid(reply.options.find(Option.serverIdentifier), server)) return [];
    const lease = leaseFrom(reply, this.#options.iaid, { advertise, reason }, now);
    if (lease !== undefined) return this.#bind('bound', lease);
    const refused = this.#noteRefusal(reply);
    const [choice, ...others] = state.others;
    if (choice !== undefined) return [...refused, ...this.#request(choice, others, now)];
    this.#state = { name: 'waiting', next: 'solicit', startAt: now + pauseAfterRefusal };
    return refused;
  }

  #confirmed({ lease }: Named<'confirming'>, reply: Dhcp6Message, now: number): Dhcp6ClientAction[] {
    const { code } = statusOf(reply);
    if (code === StatusCode.success) return this.#bind('bound', { ...lease, reason: 'confirmed the earlier address' });
    if (code !== StatusCode.notOnLink) return [];
    return [...this.#noteRefusal(reply), ...this.#lose(lease, now)];
  }

  #prolonged(
    state: Named<'renewing' | 'rebinding' | 'reclaiming'>,
    reply: Dhcp6Message,
    now: number,
  ): Dhcp6ClientAction[] {
    const { lease } = state;
    const association = associationOf(reply, this.#options.iaid);
    const hasLost = association !== undefined && statusOf(association).code === StatusCode.noBinding;
    // RFC 8415 §18.2.10.1: the server does not know the client any more, and may give the same addresses again.
    if (hasLost && state.name !== 'reclaiming') return this.#reclaim(lease, reply, now);
    const renewed = renewedLease(lease, reply, this.#options.iaid, now);
    if (renewed === 'gone') return this.#lose(lease, now);
    return renewed === undefined ? this.#noteRefusal(reply) : this.#bind('renewed', renewed);
  }

  #informed(reply: Dhcp6Message, now: number): Dhcp6ClientAction[] {
    const information = informationFrom(reply, 'answered first', now);
    if (information === undefined) return [];
    this.#state = { name: 'informed', information };
    this.#giveUpAt = undefined;
    return [{ type: 'informed', information }];
  }

  #bind(type: 'bound' | 'renewed', lease: Dhcp6Lease): Dhcp6ClientAction[] {
    this.#state = { name: 'bound', lease };
    this.#giveUpAt = undefined;
    this.#lastRefusal = undefined;
    return [{ type, lease }];
  }

  /** Why a server gave nothing: the status of the IA, or of the whole message. */
  #noteRefusal(message: Dhcp6Message): Dhcp6ClientAction[] {
    const server = message.options.find(Option.serverIdentifier);
    const association = associationOf(message, this.#options.iaid);
    const inner = association === undefined ? undefined : statusOf(association);
    const status = inner === undefined || inner.code === StatusCode.success ? statusOf(message) : inner;
    if (server === undefined || status.code === StatusCode.success) return [];
    this.#lastRefusal = { server, ...status };
    return [{ type: 'refused', ...this.#lastRefusal }];
  }

  #solicit(now: number): Dhcp6ClientAction[] {
    this.#state = { name: 'soliciting', transmission: this.#begin(retransmissions.solicit, now), advertises: [] };
    return this.#sendAgain(now);
  }

  #choose(advertises: readonly Dhcp6Message[], now: number): Dhcp6ClientAction[] {
    const [choice, ...others] = ranked(advertises);
    return choice === undefined ? this.#solicit(now) : this.#request(choice, others, now);
  }

  #request(choice: AdvertiseChoice, others: readonly AdvertiseChoice[], now: number): Dhcp6ClientAction[] {
    this.#lastAdvertise = choice.advertise;
    this.#state = { name: 'requesting', transmission: this.#begin(retransmissions.request, now), choice, others };
    return this.#sendAgain(now);
  }

  #reclaim(lease: Dhcp6Lease, reply: Dhcp6Message, now: number): Dhcp6ClientAction[] {
    const serverIdentifier = reply.options.find(Option.serverIdentifier) ?? lease.serverIdentifier;
    const transmission = this.#begin(retransmissions.request, now);
    this.#state = { name: 'reclaiming', transmission, lease: { ...lease, serverIdentifier } };
    return this.#sendAgain(now);
  }

  #confirm(lease: Dhcp6Lease, now: number): Dhcp6ClientAction[] {
    this.#state = { name: 'confirming', transmission: this.#begin(retransmissions.confirm, now), lease };
    return this.#sendAgain(now);
  }

  #renew(lease: Dhcp6Lease, now: number): Dhcp6ClientAction[] {
    if (now >= lease.expiresAt) return this.#lose(lease, now);
    if (now >= lease.rebindAt) return this.#rebind(lease, now);
    this.#state = { name: 'renewing', transmission: this.#begin(retransmissions.renew, now), lease };
    return this.#sendAgain(now);
  }

  #rebind(lease: Dhcp6Lease, now: number): Dhcp6ClientAction[] {
    if (now >= lease.expiresAt) return this.#lose(lease, now);
    this.#state = { name: 'rebinding', transmission: this.#begin(retransmissions.rebind, now), lease };
    return this.#sendAgain(now);
  }

  #inform(now: number, known: Named<'informing'>['known']): Dhcp6ClientAction[] {
    const transmission = this.#begin(retransmissions.informationRequest, now);
    this.#state = { name: 'informing', transmission, known };
    return this.#sendAgain(now);
  }

  #giveBack(name: 'releasing' | 'declining', now: number): Dhcp6ClientAction[] {
    const state = this.#state;
    if (!('lease' in state)) {
      if (name === 'releasing') this.stop();
      return [];
    }
    const { serverIdentifier } = state.lease;
    const addresses = state.lease.addresses.map(({ address }) => address);
    const parameters = name === 'releasing' ? retransmissions.release : retransmissions.decline;
    this.#state = { name, transmission: this.#begin(parameters, now), addresses, serverIdentifier };
    this.#giveUpAt = undefined;
    return this.#sendAgain(now);
  }

  #givenBack({ name }: Named<'releasing' | 'declining'>, now: number): Dhcp6ClientAction[] {
    if (name === 'releasing') {
      this.stop();
      return [{ type: 'released' }];
    }
    this.#restart(now);
    return [{ type: 'declined' }];
  }

  /** The addresses must not be used any more: another exchange begins. */
  #lose(lease: Dhcp6Lease, now: number): Dhcp6ClientAction[] {
    this.#restart(now);
    return [{ type: 'lost', lease }];
  }

  #restart(now: number): void {
    this.#giveUpAt = now + (this.#options.timeout ?? defaultTimeout);
    this.#state = { name: 'waiting', next: 'solicit', startAt: this.#afterDelay(now) };
  }

  /** The message was sent often enough. */
  #exhausted(state: Sending, now: number): Dhcp6ClientAction[] {
    switch (state.name) {
      case 'requesting':
        return this.#choose(
          state.others.map(({ advertise }) => advertise),
          now,
        );
      case 'confirming':
        // RFC 8415 §18.2.3: nobody says otherwise, so the addresses stay.
        return this.#bind('bound', { ...state.lease, reason: 'gave the address before, and nobody objects' });
      case 'reclaiming':
        return this.#lose(state.lease, now);
      case 'releasing':
      case 'declining':
        return this.#givenBack(state, now);
      default:
        return this.#repeat(state, now);
    }
  }

  #repeat(state: Sending, now: number): Dhcp6ClientAction[] {
    const longest = { soliciting: this.#solMaxRt, informing: this.#infMaxRt }[state.name as string];
    this.#state = { ...state, transmission: nextTransmission(state.transmission, now, this.#random, longest) };
    return this.#sendAgain(now);
  }

  #begin(parameters: Retransmission, now: number): Transmission {
    const transactionId = Math.floor(this.#random() * 2 ** 24);
    return firstTransmission(transactionId, parameters, now, this.#random);
  }

  /** The message of the present state, with the time that has passed (RFC 8415 §15). */
  #sendAgain(now: number): Dhcp6ClientAction[] {
    const state = this.#state;
    if (!('transmission' in state)) return [];
    const { transactionId, firstSentAt } = state.transmission;
    const elapsed = (now - firstSentAt) / 10;
    const message = clientMessage(this.#options, { ...contentOf(state, this.#options.iaid), transactionId, elapsed });
    const to = { address: allRelayAgentsAndServers, port: Dhcp6Port.server };
    return [{ type: 'send', message, datagram: { data: encodeMessage(message), to } }];
  }

  #giveUp(): Dhcp6ClientAction[] {
    const waited = `${((this.#options.timeout ?? defaultTimeout) / 1000).toFixed(0)} s`;
    const wanted = this.#options.mode === 'stateful' ? 'an address' : 'information';
    this.stop();
    return [{ type: 'failed', error: giveUpError(wanted, waited, this.#lastRefusal, this.#lastAdvertise) }];
  }

  #afterDelay(now: number): number {
    return now + this.#random() * (this.#options.longestDelay ?? defaultLongestDelay);
  }
}

function finite(time: number): number | undefined {
  return Number.isFinite(time) ? time : undefined;
}

type StateContent = Pick<MessageContent, 'type' | 'serverIdentifier' | 'addresses'>;

function contentOf(state: Sending, iaid: number): StateContent {
  switch (state.name) {
    case 'soliciting':
      return { type: MessageType.solicit, addresses: [] };
    case 'requesting': {
      const { advertise } = state.choice;
      const serverIdentifier = advertise.options.find(Option.serverIdentifier);
      return { type: MessageType.request, serverIdentifier, addresses: offeredAddresses(advertise, iaid) };
    }
    case 'reclaiming':
      return { type: MessageType.request, ...ofLease(state.lease) };
    case 'confirming':
      return { type: MessageType.confirm, addresses: ofLease(state.lease).addresses };
    case 'renewing':
      return { type: MessageType.renew, ...ofLease(state.lease) };
    case 'rebinding':
      return { type: MessageType.rebind, addresses: ofLease(state.lease).addresses };
    case 'releasing':
    case 'declining': {
      const type = state.name === 'releasing' ? MessageType.release : MessageType.decline;
      return { type, serverIdentifier: state.serverIdentifier, addresses: state.addresses };
    }
    case 'informing':
      return { type: MessageType.informationRequest };
  }
}

function ofLease({ serverIdentifier, addresses }: Dhcp6Lease) {
  return { serverIdentifier, addresses: addresses.map(({ address }) => address) };
}

function offeredAddresses(advertise: Dhcp6Message, iaid: number): Ipv6Address[] {
  return (
    associationOf(advertise, iaid)
      ?.options.all(Option.iaAddress)
      .map(({ address }) => address) ?? []
  );
}
