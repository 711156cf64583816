/**
 * A DHCPv6 server (RFC 8415 §18.3) for the machines of one interface and those behind relay agents: addresses, configuration, and
 * what to boot (RFC 5970).
 *
 * It has no socket and no timer: the owner hands it each datagram with the time, and sends what it gives back.
 */

import { addressWithoutZone, type Ipv6Address, ProtocolError, parseIpv6 } from '../../bytes/index.ts';
import { type BootClient, bootClient } from '../boot-client.ts';
import type { Datagram, Endpoint } from '../datagram.ts';
import { formatDuid } from '../duid.ts';
import { MessageType, type RelayedMessage, type RelayMessage, unwrapRelays } from '../message.ts';
import { StatusCode } from '../option.ts';
import { AddressAllocation } from './allocation.ts';
import { type BootAnswer, bootOptions } from './boot-answer.ts';
import { Decisions, type Exchange } from './decision.ts';
import type { Dhcp6ServerEvent } from './event.ts';
import { clientKey, type LeaseStore } from './lease.ts';
import { checkPool, type Dhcp6Link, isOnLink } from './link.ts';
import {
  type AnsweringVerdict,
  buildReply,
  defaultPorts,
  encodeReply,
  type ReplyPorts,
  replyDestination,
} from './reply.ts';
import type { Reservations } from './reservations.ts';
import { reasonToIgnore } from './validity.ts';

export interface Dhcp6ServerOptions {
  /** This server's DUID. */
  readonly serverIdentifier: Uint8Array;
  /** This server's own address on the interface, as UEFI's iSCSI driver wants to be told it. */
  readonly address: Ipv6Address;
  /** The first is that of the interface; the others are reached by relay agents. */
  readonly links: readonly [Dhcp6Link, ...Dhcp6Link[]];
  readonly leases: LeaseStore;
  readonly reservations?: Reservations;
  /** Give addresses in two messages to clients that ask for it (RFC 8415 §18.3.1): for a link without another server. */
  readonly rapidCommit?: boolean;
  /** 0..255: which server clients should take (RFC 8415 §18.3.9). Default 0. */
  readonly preference?: number;
  readonly bootFor?: (client: BootClient) => BootAnswer | undefined | Promise<BootAnswer | undefined>;
  readonly onEvent?: (event: Dhcp6ServerEvent) => void;
  readonly ports?: ReplyPorts;
}

/** How a datagram was sent: relay agents may name a server, clients must not unless it allows them to (RFC 8415 §18.4), which this one does not. */
export type Way = 'multicast' | 'unicast';

const useMulticast: AnsweringVerdict = {
  answer: 'reply',
  associations: [],
  changes: [],
  status: { code: StatusCode.useMulticast, message: 'send it to all servers' },
  isConfiguring: false,
};

export class Dhcp6Server {
  readonly #options: Dhcp6ServerOptions;
  readonly #decisions: Decisions;
  readonly #ports: ReplyPorts;

  /** Raises DHCP6_POOL_OUTSIDE_PREFIX, DHCP6_POOL_EMPTY. */
  constructor(options: Dhcp6ServerOptions) {
    for (const link of options.links) checkPool(link);
    this.#options = options;
    const allocation = new AddressAllocation(options.leases, options.reservations);
    this.#decisions = new Decisions(options.leases, allocation, options.rapidCommit ?? false);
    this.#ports = options.ports ?? defaultPorts;
  }

  /**
   * Takes a datagram that arrived on the server port, sent to a multicast group or to an address of this server's own; `now` is in
   * milliseconds since the Unix epoch. Resolves to the answer, once the
   * leases that it promises are durable, or to undefined when there is none. Never rejects: what goes wrong is an event.
   */
  async receive(data: Uint8Array, from: Endpoint, now: number, way: Way = 'multicast'): Promise<Datagram | undefined> {
    const received = this.#parse(data, from);
    if (received === undefined) return undefined;
    const { relayed, client } = received;
    try {
      return await this.#serve(relayed, client, from, now, way);
    } catch (error) {
      if (error instanceof ProtocolError) this.#emit({ type: 'malformed', error, from });
      else this.#emit({ type: 'failed', error, client });
      return undefined;
    }
  }

  #parse(data: Uint8Array, from: Endpoint) {
    try {
      const relayed = unwrapRelays(data);
      const client = bootClient(relayed, parseIpv6(addressWithoutZone(from.address)));
      this.#emit({ type: 'received', message: relayed.message, client, from });
      return { relayed, client };
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#emit({ type: 'malformed', error, from });
      return undefined;
    }
  }

  async #serve(
    { message, relays }: RelayedMessage,
    client: BootClient,
    from: Endpoint,
    now: number,
    way: Way,
  ): Promise<Datagram | undefined> {
    const link = this.#linkOf(relays);
    const isToThisOne = way === 'unicast' && relays.length === 0;
    const reason = relays.some(({ type }) => type !== MessageType.relayForward)
      ? 'unexpected'
      : reasonToIgnore(message, this.#options.serverIdentifier, isToThisOne);
    if (link === undefined || reason !== undefined) {
      this.#emit({ type: 'ignored', message, client, reason: reason ?? 'no-link' });
      return undefined;
    }
    const exchange = { message, client, identity: identityOf(client), link, now };
    const verdict = isToThisOne ? useMulticast : this.#decisions.decide(exchange);
    if (verdict.answer === 'ignore') {
      this.#emit({ type: 'ignored', message, client, reason: verdict.reason });
      return undefined;
    }
    return this.#answer(exchange, verdict, replyDestination(from, relays, this.#ports), relays);
  }

  /** RFC 8415 §13.1: the relay agent next to the client names its link; one that only knows its interface leaves that to the next. */
  #linkOf(relays: readonly RelayMessage[]): Dhcp6Link | undefined {
    const { links } = this.#options;
    if (relays.length === 0) return links[0];
    const named = relays.find(({ linkAddress }) => linkAddress !== '::');
    return named === undefined ? links[0] : links.find((link) => isOnLink(named.linkAddress, link));
  }

  async #answer(
    exchange: Exchange,
    verdict: AnsweringVerdict,
    to: Endpoint,
    relays: readonly RelayMessage[],
  ): Promise<Datagram> {
    const { client } = exchange;
    const { serverIdentifier, address, preference = 0, leases } = this.#options;
    // The store hears of all changes in the turn in which they were decided: nobody else can be given an address in between.
    const saved = verdict.changes.map(({ lease }) => leases.save(lease));
    const [boot] = await Promise.all([verdict.isConfiguring ? this.#bootFor(client) : undefined, ...saved]);
    for (const { change, lease } of verdict.changes) this.#emit({ type: 'lease', change, lease });
    if (verdict.associations.some(({ status }) => status?.code === StatusCode.noAddrsAvail)) {
      this.#emit({ type: 'exhausted', client });
    }
    const options = boot === undefined ? undefined : bootOptions(client, boot, address);
    const message = buildReply(exchange, verdict, { serverIdentifier, preference, boot: options });
    this.#emit({ type: 'sent', message, client, to, boot });
    return { data: encodeReply(message, relays), to };
  }

  /** A machine that runs already must get its address prolonged even when nothing can be said about booting. */
  async #bootFor(client: BootClient): Promise<BootAnswer | undefined> {
    try {
      return await this.#options.bootFor?.(client);
    } catch (error) {
      if (client.kind !== 'other') throw error;
      this.#emit({ type: 'failed', error, client });
      return undefined;
    }
  }

  #emit(event: Dhcp6ServerEvent): void {
    this.#options.onEvent?.(event);
  }
}

function identityOf(client: BootClient): Exchange['identity'] {
  const key = clientKey(client);
  return key === undefined || client.duid === undefined ? undefined : { clientKey: key, duid: formatDuid(client.duid) };
}
