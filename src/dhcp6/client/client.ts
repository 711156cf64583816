/**
 * A DHCPv6 client (RFC 8415 §18.2): for one address with its configuration, or for the configuration alone.
 *
 * It has no socket and no timer: the owner hands it each datagram that reaches the client port, calls `poll` when `deadline` has
 * come, and carries out the actions that both give back. Times are milliseconds on one clock of the owner's that never jumps.
 */

import { Patience } from '../../bytes/index.ts';
import { sameDuid } from '../duid.ts';
import { type Dhcp6Message, MessageType } from '../message.ts';
import { Option, StatusCode } from '../option.ts';
import { type AdvertiseChoice, highestPreference, offersAddresses, preferenceOf, ranked } from './advertise.ts';
import { readAnswer } from './answer.ts';
import { messageOf } from './content.ts';
import { giveUpError, type Refusal, refusalIn } from './give-up.ts';
import { type Dhcp6Lease, informationFrom, leaseFrom, renewedLease, statusOf } from './lease.ts';
import { LongestWaits } from './longest-waits.ts';
import type { Dhcp6ClientOptions } from './options.ts';
import {
  firstTransmission,
  isExhausted,
  nextTransmission,
  type Retransmission,
  retransmissions,
  type Transmission,
} from './retransmission.ts';
import { type Dhcp6ClientAction, type Named, nextStepAt, type Sending, type State } from './state.ts';

const defaultTimeout = 30_000;
const defaultLongestDelay = 1000;
/** A server that refuses must not be asked again at full speed (RFC 8415 §14.1). */
const pauseAfterRefusal = 1000;
/** More are a flood. */
const mostAdvertises = 32;

export class Dhcp6Client {
  readonly #options: Dhcp6ClientOptions;
  readonly #random: () => number;
  readonly #patience: Patience;
  readonly #longestWaits = new LongestWaits();
  #state: State = { name: 'stopped' };
  #lastRefusal: Refusal | undefined;
  #lastAdvertise: Dhcp6Message | undefined;

  /** `random` gives [0, 1): transaction identifiers and retransmission times come from it. */
  constructor(options: Dhcp6ClientOptions, random: () => number) {
    this.#options = options;
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

  start(now: number): Dhcp6ClientAction[] {
    const { mode, previousLease } = this.#options;
    const startAt = this.#afterDelay(now);
    this.#patience.begin(now);
    if (mode === 'stateless') this.#state = { name: 'waiting', next: 'inform', startAt };
    else if (previousLease === undefined) this.#state = { name: 'waiting', next: 'solicit', startAt };
    else this.#state = { name: 'resuming', lease: previousLease, startAt };
    return this.poll(now);
  }

  /** Does what is due. Calling it early is harmless. */
  poll(now: number): Dhcp6ClientAction[] {
    if (this.#patience.isOver(now)) return this.#giveUp();
    const next = nextStepAt(this.#state);
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
    const message = readAnswer(data, state.transmission.transactionId, this.#options.duid);
    if (message === undefined) return [];
    this.#longestWaits.heed(message);
    if (message.type === MessageType.advertise) return this.#advertised(state, message, now);
    return message.type === MessageType.reply ? this.#replied(state, message, now) : [];
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
    this.#patience.stop();
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
    const renewed = renewedLease(lease, reply, this.#options.iaid, now);
    if (renewed === 'forgotten') {
      return state.name === 'reclaiming' ? this.#noteRefusal(reply) : this.#reclaim(lease, reply, now);
    }
    if (renewed === 'gone') return this.#lose(lease, now);
    return renewed === undefined ? this.#noteRefusal(reply) : this.#bind('renewed', renewed);
  }

  #informed(reply: Dhcp6Message, now: number): Dhcp6ClientAction[] {
    const information = informationFrom(reply, 'answered first', now);
    if (information === undefined) return [];
    this.#state = { name: 'informed', information };
    this.#patience.stop();
    return [{ type: 'informed', information }];
  }

  #bind(type: 'bound' | 'renewed', lease: Dhcp6Lease): Dhcp6ClientAction[] {
    this.#state = { name: 'bound', lease };
    this.#patience.stop();
    this.#lastRefusal = undefined;
    return [{ type, lease }];
  }

  #noteRefusal(message: Dhcp6Message): Dhcp6ClientAction[] {
    const refusal = refusalIn(message, this.#options.iaid);
    if (refusal === undefined) return [];
    this.#lastRefusal = refusal;
    return [{ type: 'refused', ...refusal }];
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
    this.#patience.stop();
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
    this.#patience.begin(now);
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
    const longest = this.#longestWaits.in(state.name);
    this.#state = { ...state, transmission: nextTransmission(state.transmission, now, this.#random, longest) };
    return this.#sendAgain(now);
  }

  #begin(parameters: Retransmission, now: number): Transmission {
    const transactionId = Math.floor(this.#random() * 2 ** 24);
    return firstTransmission(transactionId, parameters, now, this.#random);
  }

  #sendAgain(now: number): Dhcp6ClientAction[] {
    return 'transmission' in this.#state ? [messageOf(this.#state, this.#options, now)] : [];
  }

  #giveUp(): Dhcp6ClientAction[] {
    const wanted = this.#options.mode === 'stateful' ? 'an address' : 'information';
    this.stop();
    return [
      { type: 'failed', error: giveUpError(wanted, String(this.#patience), this.#lastRefusal, this.#lastAdvertise) },
    ];
  }

  #afterDelay(now: number): number {
    return now + this.#random() * (this.#options.longestDelay ?? defaultLongestDelay);
  }
}
