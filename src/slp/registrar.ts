/**
 * A service agent's work with directory agents: it registers its services with each that has a scope of its own, keeps the
 * registrations fresh, and takes them back (RFC 2608 §6, §8.3, §10.6, §12.2).
 */

import type { Advertisement } from './advertisement.ts';
import { formatAttributeList } from './attribute.ts';
import type { SlpBody } from './body.ts';
import type { DirectoryAgent } from './directory-agent.ts';
import type { SlpDatagram, SlpEndpoint } from './endpoint.ts';
import { slpHeader } from './header.ts';
import { ErrorCode, type SlpTiming } from './protocol.ts';
import { folded, itemsInBoth } from './text.ts';
import { UnicastExchange } from './unicast-exchange.ts';

export interface RegistrarOptions {
  readonly scopes: readonly string[];
  /** What is to be registered now. */
  readonly services: () => Iterable<Advertisement>;
  /** Folded tags of attributes that are not registered. */
  readonly withheld: ReadonlySet<string>;
  readonly timing: SlpTiming;
  /** Gives [0, 1). */
  readonly random: () => number;
  /** Milliseconds between two looks at what there is to register. Default 30000. */
  readonly lookInterval?: number;
}

export type RegistrarEvent =
  | { readonly kind: 'registered' | 'lost'; readonly agent: DirectoryAgent }
  | { readonly kind: 'refused'; readonly agent: DirectoryAgent; readonly url: string; readonly errorCode: number };

export type RegistrarAction =
  | { readonly type: 'send'; readonly datagram: SlpDatagram }
  /** For TCP: what the connection answers is handed to `receive`, and its failure is silence. */
  | { readonly type: 'connect'; readonly data: Uint8Array; readonly to: SlpEndpoint }
  | { readonly type: 'event'; readonly event: RegistrarEvent };

/** Registrations are renewed when this part of their lifetime is over. */
const RENEWAL = 0.75;

interface Registered {
  readonly advertisement: Advertisement;
  readonly renewAt: number;
}

type Work = { readonly kind: 'register' | 'deregister'; readonly advertisement: Advertisement };

interface Contact {
  agent: DirectoryAgent;
  /** By URL. */
  registered: Map<string, Registered>;
  work: Work[];
  current: { readonly work: Work; readonly exchange: UnicastExchange; connectEnd: number | undefined } | undefined;
  nextLook: number;
  hasTold: boolean;
}

export class Registrar {
  readonly #options: RegistrarOptions;
  /** By address. */
  readonly #contacts = new Map<string, Contact>();
  #isWithdrawing = false;

  constructor(options: RegistrarOptions) {
    this.#options = options;
  }

  get deadline(): number | undefined {
    const times = [...this.#contacts.values()].map(({ current, nextLook, work }) => {
      if (current === undefined) return work.length > 0 ? 0 : nextLook;
      return current.connectEnd ?? current.exchange.deadline ?? 0;
    });
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Nothing is registered anywhere, and nothing is under way. */
  get isIdle(): boolean {
    return [...this.#contacts.values()].every(
      ({ current, registered, work }) => current === undefined && registered.size === 0 && work.length === 0,
    );
  }

  /** An agent was found, by search or by what it told unasked. */
  heard(agent: DirectoryAgent, now: number): void {
    const { address } = agent.endpoint;
    if (agent.bootTimestamp === 0) {
      this.#contacts.delete(address);
      return;
    }
    if (this.#isWithdrawing || itemsInBoth(this.#options.scopes, agent.scopes).length === 0) return;
    const known = this.#contacts.get(address);
    if (known !== undefined && agent.bootTimestamp <= known.agent.bootTimestamp) {
      known.agent = agent;
      return;
    }
    const [least, most] = this.#options.timing.registerWait;
    const nextLook = now + least + this.#options.random() * (most - least);
    this.#contacts.set(address, {
      agent,
      registered: new Map(),
      work: [],
      current: undefined,
      nextLook,
      hasTold: false,
    });
  }

  receive(data: Uint8Array, from: SlpEndpoint, now: number): RegistrarAction[] {
    const contact = this.#contacts.get(from.address);
    if (contact?.current === undefined) return [];
    if (contact.current.connectEnd === undefined) contact.current.exchange.receive(data, from);
    else contact.current.exchange.receiveByTcp(data);
    return this.#advance(contact, now);
  }

  /** The connection that was asked for brought no answer. */
  connectFailed(to: SlpEndpoint): void {
    const current = this.#contacts.get(to.address)?.current;
    if (current?.connectEnd !== undefined) current.connectEnd = 0;
  }

  poll(now: number): RegistrarAction[] {
    return [...this.#contacts.values()].flatMap((contact) => this.#advance(contact, now));
  }

  /** Takes everything back; `isIdle` tells when that is done. */
  withdraw(now: number): RegistrarAction[] {
    this.#isWithdrawing = true;
    for (const contact of this.#contacts.values()) {
      contact.work = [];
      contact.nextLook = now;
    }
    return this.poll(now);
  }

  #advance(contact: Contact, now: number): RegistrarAction[] {
    const actions: RegistrarAction[] = [];
    if (contact.current !== undefined) {
      this.#proceed(contact, now, actions);
      if (contact.current !== undefined) return actions;
    }
    // An agent that is gone has no contact any more.
    if (this.#contacts.get(contact.agent.endpoint.address) !== contact) return actions;
    if (contact.work.length === 0 && now >= contact.nextLook) this.#look(contact, now);
    const work = contact.work.shift();
    if (work !== undefined) this.#begin(contact, work, now, actions);
    else if (!contact.hasTold && contact.registered.size > 0) {
      contact.hasTold = true;
      actions.push({ type: 'event', event: { kind: 'registered', agent: contact.agent } });
    }
    return actions;
  }

  /** What is there and not registered, or due again; what is registered and not there. */
  #look(contact: Contact, now: number): void {
    const { lookInterval = 30_000, scopes } = this.#options;
    contact.nextLook = now + lookInterval;
    const services = this.#isWithdrawing ? [] : [...this.#options.services()];
    const present = new Map(services.map((one) => [one.url, one]));
    for (const [url, { advertisement }] of contact.registered) {
      if (!present.has(url)) contact.work.push({ kind: 'deregister', advertisement });
    }
    for (const [url, service] of present) {
      const common = itemsInBoth(service.scopes, itemsInBoth(scopes, contact.agent.scopes));
      const known = contact.registered.get(url);
      const isDue =
        known === undefined || known.renewAt <= now + lookInterval || hasChanged(known.advertisement, service);
      if (common.length > 0 && isDue)
        contact.work.push({ kind: 'register', advertisement: { ...service, scopes: common } });
    }
  }

  #begin(contact: Contact, work: Work, now: number, actions: RegistrarAction[]): void {
    const { timing, random } = this.#options;
    const { endpoint } = contact.agent;
    const xid = 1 + Math.floor(random() * 0xffff);
    const { languageTag } = work.advertisement;
    const header = slpHeader({ xid, languageTag, fresh: work.kind === 'register' });
    const exchange = new UnicastExchange({ header, body: this.#body(work) }, endpoint, timing);
    contact.current = { work, exchange, connectEnd: undefined };
    for (const datagram of exchange.start(now)) actions.push({ type: 'send', datagram });
    this.#connectIfLong(contact, now, actions);
  }

  #connectIfLong({ current, agent }: Contact, now: number, actions: RegistrarAction[]): void {
    if (current?.exchange.outcome?.kind !== 'too-long' || current.connectEnd !== undefined) return;
    current.connectEnd = now + this.#options.timing.retryMax;
    actions.push({ type: 'connect', data: current.exchange.bytes, to: agent.endpoint });
  }

  #body({ kind, advertisement }: Work): SlpBody {
    const { url, lifetime, serviceType, scopes, attributes } = advertisement;
    const entry = { url, lifetime, authenticationBlocks: [] };
    if (kind === 'deregister') return { kind: 'SrvDeReg', scopes, url: entry, tags: [] };
    const told = [...attributes.values()].filter(({ tag }) => !this.#options.withheld.has(folded(tag)));
    const list = formatAttributeList(told);
    return { kind: 'SrvReg', url: entry, serviceType, scopes, attributes: list, authenticationBlocks: [] };
  }

  #proceed(contact: Contact, now: number, actions: RegistrarAction[]): void {
    const { current, agent } = contact;
    if (current === undefined) return;
    const { exchange, work } = current;
    for (const datagram of exchange.poll(now)) actions.push({ type: 'send', datagram });
    this.#connectIfLong(contact, now, actions);
    const { outcome } = exchange;
    const isSilent = outcome?.kind === 'silence' || (current.connectEnd !== undefined && now >= current.connectEnd);
    if (isSilent) {
      // RFC 2608 §12.3: it has gone down, until it is heard again.
      this.#contacts.delete(agent.endpoint.address);
      actions.push({ type: 'event', event: { kind: 'lost', agent } });
      contact.current = undefined;
    } else if (outcome?.kind === 'answer' && outcome.message.body.kind === 'SrvAck') {
      contact.current = undefined;
      this.#acknowledged(contact, work, outcome.message.body.errorCode, now, actions);
    }
  }

  #acknowledged(contact: Contact, work: Work, errorCode: number, now: number, actions: RegistrarAction[]): void {
    const { advertisement, kind } = work;
    const { url, lifetime } = advertisement;
    if (kind === 'deregister') contact.registered.delete(url);
    else if (errorCode === ErrorCode.ok) {
      const wait = Math.max(lifetime * 1000 * RENEWAL, contact.agent.minimumRefreshInterval);
      contact.registered.set(url, { advertisement, renewAt: now + wait });
    }
    if (errorCode !== ErrorCode.ok) {
      actions.push({ type: 'event', event: { kind: 'refused', agent: contact.agent, url, errorCode } });
    }
  }
}

function hasChanged(before: Advertisement, after: Advertisement): boolean {
  return formatAttributeList([...before.attributes.values()]) !== formatAttributeList([...after.attributes.values()]);
}
