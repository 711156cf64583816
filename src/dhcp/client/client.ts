/**
 * A DHCPv4 client (RFC 2131 §4.4, figure 5).
 *
 * It has no socket and no timer: the owner hands it each datagram that reaches the client port, calls `poll` when `deadline` has
 * come, and carries out the actions that both give back. Times are milliseconds on one clock of the owner's that never jumps.
 */

import { IPV4_ANY, IPV4_BROADCAST, type Ipv4Address, ProtocolError } from '../../bytes/index.ts';
import { DhcpPort } from '../datagram.ts';
import {
  BootOperation,
  type DhcpMessage,
  decodeMessage,
  encodeMessage,
  hardwareAddress,
  MessageType,
  messageType,
} from '../message.ts';
import { Option } from '../option.ts';
import { OptionList } from '../option-list.ts';
import { giveUpError, type Refusal } from './give-up.ts';
import { type DhcpLease, leaseFrom } from './lease.ts';
import {
  carriesIscsiRootPath,
  chooseOffer,
  chooseProxyOffer,
  isProxyOffer,
  type OfferChoice,
  serverOf,
} from './offer.ts';
import { clientMessage, clientRequest, type DhcpClientOptions } from './options.ts';
import { renewalDelay, retransmissionDelay } from './retransmission.ts';
import type { DhcpClientAction, State, Transmission } from './state.ts';

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
/** More are a flood. */
const mostOffers = 32;

export class DhcpClient {
  readonly #options: DhcpClientOptions;
  readonly #random: () => number;
  #state: State = { name: 'stopped' };
  #startedAt = 0;
  /** When to give up; undefined while there is an address. */
  #giveUpAt: number | undefined;
  #lastNak: Refusal | undefined;
  #lastOffer: DhcpMessage | undefined;

  /** `random` gives [0, 1): transaction identifiers and retransmission times come from it. */
  constructor(options: DhcpClientOptions, random: () => number) {
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

  start(now: number): DhcpClientAction[] {
    this.#startedAt = now;
    this.#giveUpAt = now + (this.#options.timeout ?? defaultTimeout);
    const { previousAddress } = this.#options;
    if (previousAddress === undefined) return this.#discover(now, 0);
    return this.#reboot(previousAddress, now, 0);
  }

  /** Does what is due. Calling it early is harmless. */
  poll(now: number): DhcpClientAction[] {
    if (this.#giveUpAt !== undefined && now >= this.#giveUpAt) return this.#giveUp();
    const next = this.#nextStepAt();
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
    const reply = this.#parse(data, state.transmission.xid);
    if (reply === undefined) return [];
    const type = messageType(reply);
    if (state.name === 'selecting') {
      return type === MessageType.offer || type === undefined ? this.#offered(state, reply, now) : [];
    }
    if (type === MessageType.nak) return this.#refused(state, reply, now);
    if (type !== MessageType.ack || reply.yiaddr === IPV4_ANY) return [];
    return this.#acknowledged(state, reply);
  }

  /** The address was found in use by somebody else (RFC 2131 §4.4.4): tells the server, and starts again after a pause. */
  decline(now: number): DhcpClientAction[] {
    if (!('lease' in this.#state)) return [];
    const { address, serverIdentifier } = this.#state.lease;
    const specific = new OptionList().set(Option.requestedAddress, address);
    specific.set(Option.serverIdentifier, serverIdentifier);
    const message = clientMessage(this.#options, MessageType.decline, { xid: this.#newXid() }, specific);
    this.#state = { name: 'init', startAt: now + pauseAfterDecline };
    this.#startedAt = now;
    this.#giveUpAt = now + pauseAfterDecline + (this.#options.timeout ?? defaultTimeout);
    return [send(message, IPV4_BROADCAST)];
  }

  /** Gives the address back (RFC 2131 §4.4.6) and ends. */
  release(): DhcpClientAction[] {
    const state = this.#state;
    this.stop();
    if (!('lease' in state)) return [];
    const { address, serverIdentifier } = state.lease;
    const specific = new OptionList().set(Option.serverIdentifier, serverIdentifier);
    const fields = { xid: this.#newXid(), ciaddr: address };
    return [send(clientMessage(this.#options, MessageType.release, fields, specific), serverIdentifier)];
  }

  stop(): void {
    this.#state = { name: 'stopped' };
    this.#giveUpAt = undefined;
  }

  #nextStepAt(): number | undefined {
    const state = this.#state;
    switch (state.name) {
      case 'init':
        return state.startAt;
      case 'selecting':
        return state.chooseAt ?? state.transmission.nextAt;
      case 'bound':
        return Number.isFinite(state.lease.renewAt) ? state.lease.renewAt : undefined;
      case 'stopped':
        return undefined;
      default:
        return state.transmission.nextAt;
    }
  }

  #parse(data: Uint8Array, xid: number): DhcpMessage | undefined {
    try {
      const reply = decodeMessage(data);
      if (reply.op !== BootOperation.reply || reply.xid !== xid) return undefined;
      if (hardwareAddress(reply) !== this.#options.hardwareAddress) return undefined;
      messageType(reply);
      reply.options.get(Option.leaseTime);
      return this.#isForThisIdentifier(reply) ? reply : undefined;
    } catch (error) {
      // Anybody can send to this port: what does not parse is not an answer.
      if (error instanceof ProtocolError) return undefined;
      throw error;
    }
  }

  /** RFC 6842 §3: a reply with another client's identifier is another client's. */
  #isForThisIdentifier({ options }: DhcpMessage): boolean {
    const echoed = options.raw(Option.clientIdentifier.code);
    const own = this.#options.clientIdentifier;
    if (echoed === undefined || own === undefined) return true;
    return echoed.length === own.length && echoed.every((byte, at) => byte === own[at]);
  }

  #discover(now: number, attempt: number, before?: Extract<State, { name: 'selecting' }>): DhcpClientAction[] {
    const transmission = this.#transmit(now, attempt, before?.transmission);
    const offers = before?.offers ?? [];
    this.#state = { name: 'selecting', transmission, offers, chooseAt: undefined };
    const fields = { xid: transmission.xid, secs: this.#secs(now) };
    return [send(clientRequest(this.#options, MessageType.discover, fields), IPV4_BROADCAST)];
  }

  #offered(state: Extract<State, { name: 'selecting' }>, offer: DhcpMessage, now: number): DhcpClientAction[] {
    if (state.offers.length >= mostOffers) return [];
    const offers = [...state.offers, offer];
    const hasAddress = offers.some((known) => !isProxyOffer(known));
    const window = this.#options.offerWindow ?? defaultOfferWindow;
    const chooseAt = state.chooseAt ?? (hasAddress ? now + window : undefined);
    const next = { ...state, offers, chooseAt };
    this.#state = next;
    const heard: DhcpClientAction = { type: 'offer', message: offer };
    // Nothing better can come.
    if (hasAddress && offers.some(carriesIscsiRootPath)) return [heard, ...this.#choose(next, now)];
    return [heard];
  }

  #choose(state: Extract<State, { name: 'selecting' }>, now: number): DhcpClientAction[] {
    const choice = chooseOffer(state.offers);
    if (choice === undefined) return this.#discover(now, state.transmission.attempt + 1, state);
    const proxyOffer = chooseProxyOffer(state.offers);
    this.#lastOffer = choice.offer;
    // RFC 1534 §3: a BOOTP reply is final.
    if (messageType(choice.offer) === undefined) {
      return this.#bind(choice.offer, { offer: choice.offer, proxyOffer, reason: choice.reason }, now, 'bound');
    }
    return this.#request(choice, proxyOffer, now, undefined);
  }

  #request(
    choice: OfferChoice,
    proxyOffer: DhcpMessage | undefined,
    now: number,
    before: Transmission | undefined,
  ): DhcpClientAction[] {
    const transmission = this.#transmit(now, before === undefined ? 0 : before.attempt + 1, {
      // RFC 2131 §4.4.1: the REQUEST has the xid of the offer.
      xid: choice.offer.xid,
    });
    this.#state = { name: 'requesting', transmission, choice, proxyOffer };
    const specific = new OptionList().set(Option.requestedAddress, choice.offer.yiaddr);
    specific.set(Option.serverIdentifier, serverOf(choice.offer));
    const fields = { xid: transmission.xid, secs: this.#secs(now) };
    return [send(clientRequest(this.#options, MessageType.request, fields, specific), IPV4_BROADCAST)];
  }

  #reboot(address: Ipv4Address, now: number, attempt: number, before?: Transmission): DhcpClientAction[] {
    const transmission = this.#transmit(now, attempt, before);
    this.#state = { name: 'rebooting', transmission, address };
    const specific = new OptionList().set(Option.requestedAddress, address);
    const fields = { xid: transmission.xid, secs: this.#secs(now) };
    return [send(clientRequest(this.#options, MessageType.request, fields, specific), IPV4_BROADCAST)];
  }

  #refused(state: State, nak: DhcpMessage, now: number): DhcpClientAction[] {
    const server = serverOf(nak);
    // Somebody else's server may refuse what it did not offer.
    if (state.name === 'requesting' && server !== serverOf(state.choice.offer)) return [];
    const message = nak.options.find(Option.message) ?? 'no reason given';
    this.#lastNak = { server, message };
    const refusal: DhcpClientAction = { type: 'nak', server, message };
    const lost: DhcpClientAction[] = 'lease' in state ? [{ type: 'lost', lease: state.lease }] : [];
    this.#restart(now, 'lease' in state);
    return [refusal, ...lost];
  }

  #restart(now: number, hadLease: boolean): void {
    if (hadLease) {
      this.#startedAt = now;
      this.#giveUpAt = now + (this.#options.timeout ?? defaultTimeout);
    }
    this.#state = { name: 'init', startAt: now + pauseAfterNak };
  }

  #acknowledged(state: Extract<State, { transmission: Transmission }>, ack: DhcpMessage): DhcpClientAction[] {
    const { sentAt } = state.transmission;
    switch (state.name) {
      case 'requesting': {
        if (serverOf(ack) !== serverOf(state.choice.offer)) return [];
        const { choice, proxyOffer } = state;
        return this.#bind(ack, { offer: choice.offer, proxyOffer, reason: choice.reason }, sentAt, 'bound');
      }
      case 'rebooting': {
        const context = { offer: undefined, proxyOffer: undefined, reason: 'confirmed the earlier address' };
        return this.#bind(ack, context, sentAt, 'bound');
      }
      case 'renewing':
      case 'rebinding':
        return this.#bind(ack, state.lease, sentAt, 'renewed');
      case 'selecting':
        return [];
    }
  }

  #bind(
    reply: DhcpMessage,
    { offer, proxyOffer, reason }: Pick<DhcpLease, 'offer' | 'proxyOffer' | 'reason'>,
    sentAt: number,
    type: 'bound' | 'renewed',
  ): DhcpClientAction[] {
    const lease = leaseFrom(reply, { offer, proxyOffer, reason }, sentAt);
    this.#state = { name: 'bound', lease };
    this.#giveUpAt = undefined;
    this.#lastNak = undefined;
    return [{ type, lease }];
  }

  #prolong(lease: DhcpLease, now: number): DhcpClientAction[] {
    if (now >= lease.expiresAt) {
      this.#startedAt = now;
      this.#giveUpAt = now + (this.#options.timeout ?? defaultTimeout);
      return [{ type: 'lost', lease }, ...this.#discover(now, 0)];
    }
    const name = now >= lease.rebindAt ? 'rebinding' : 'renewing';
    const until = name === 'renewing' ? lease.rebindAt : lease.expiresAt;
    const xid = this.#state.name === name ? this.#state.transmission.xid : this.#newXid();
    const transmission = { xid, attempt: 0, sentAt: now, nextAt: now + renewalDelay(until - now) };
    this.#state = { name, transmission, lease };
    // RFC 2131 table 5: neither server identifier nor requested address; the server answers to ciaddr.
    const message = clientRequest(this.#options, MessageType.request, { xid, ciaddr: lease.address });
    return [send(message, name === 'renewing' ? lease.serverIdentifier : IPV4_BROADCAST)];
  }

  #giveUp(): DhcpClientAction[] {
    const waited = `${((this.#options.timeout ?? defaultTimeout) / 1000).toFixed(0)} s`;
    const who = this.#options.hardwareAddress;
    this.stop();
    return [{ type: 'failed', error: giveUpError(who, waited, this.#lastNak, this.#lastOffer) }];
  }

  #transmit(now: number, attempt: number, before: Pick<Transmission, 'xid'> | undefined): Transmission {
    const nextAt = now + retransmissionDelay(attempt, this.#random);
    return { xid: before?.xid ?? this.#newXid(), attempt, sentAt: now, nextAt };
  }

  #newXid(): number {
    return Math.floor(this.#random() * 2 ** 32);
  }

  #secs(now: number): number {
    return Math.min(0xffff, Math.max(0, Math.floor((now - this.#startedAt) / 1000)));
  }
}

function send(message: DhcpMessage, address: Ipv4Address): DhcpClientAction {
  const datagram = { data: encodeMessage(message), to: { address, port: DhcpPort.server } };
  return { type: 'send', message, datagram };
}
