/**
 * What the server makes of a request: RFC 2131 §4.3 and RFC 1534 as rules over the leases. Nothing is changed here but the offers
 * that are held; the server carries the verdict out.
 */

import { IPV4_ANY, type Ipv4Address, ipv4InSubnet } from '../../bytes/index.ts';
import type { AuthenticationKey } from '../authentication.ts';
import type { BootClient } from '../boot-client.ts';
import type { Endpoint } from '../datagram.ts';
import { type DhcpMessage, MessageType, messageType } from '../message.ts';
import { Option } from '../option.ts';
import type { AddressAllocation, Reservations } from './allocation.ts';
import type { ClientIdentity } from './client-identity.ts';
import type { IgnoreReason } from './event.ts';
import type { Lease, LeaseStore } from './lease.ts';
import type { DhcpSubnet } from './subnet.ts';

/** One request on its way through the server. */
export interface Exchange {
  readonly request: DhcpMessage;
  readonly from: Endpoint;
  readonly client: BootClient;
  readonly identity: ClientIdentity;
  readonly subnet: DhcpSubnet;
  /** What the answer is to be signed with. */
  readonly key: AuthenticationKey | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

export type Verdict =
  | { readonly answer: 'offer' | 'ack' | 'bootp'; readonly address: Ipv4Address }
  | { readonly answer: 'inform' }
  | { readonly answer: 'nak'; readonly message: string }
  /** DECLINE and RELEASE: a record changes and nobody is told. */
  | { readonly answer: 'none'; readonly change: 'released' | 'declined'; readonly lease: Lease }
  | { readonly answer: 'ignore'; readonly reason: IgnoreReason };

export interface DecisionOptions {
  readonly serverIdentifier: Ipv4Address;
  /** Its other addresses: a client may name any of them (RFC 2131 §4.1). */
  readonly otherAddresses?: readonly Ipv4Address[];
  readonly leases: LeaseStore;
  readonly reservations?: Reservations;
  readonly authoritative?: boolean;
}

/** How long an address that somebody else was found to use is left alone, in milliseconds. */
export const declineTime = 3_600_000;

export class Decisions {
  readonly #options: DecisionOptions;
  readonly #allocation: AddressAllocation;

  constructor(options: DecisionOptions, allocation: AddressAllocation) {
    this.#options = options;
    this.#allocation = allocation;
  }

  decide(exchange: Exchange): Verdict {
    const type = messageType(exchange.request);
    if (type === undefined) return this.#bootp(exchange);
    if (type === MessageType.discover) return this.#discover(exchange);
    if (type === MessageType.request) return this.#request(exchange);
    if (type === MessageType.decline) return this.#decline(exchange);
    if (type === MessageType.release) return this.#release(exchange);
    if (type === MessageType.inform) return { answer: 'inform' };
    return { answer: 'ignore', reason: 'unexpected' };
  }

  #discover(exchange: Exchange): Verdict {
    const address = this.#offer(exchange);
    return address === undefined ? { answer: 'ignore', reason: 'pool-exhausted' } : { answer: 'offer', address };
  }

  /** RFC 1534 §2: a BOOTP client never renews, so what it gets is its own for ever. */
  #bootp(exchange: Exchange): Verdict {
    const address = this.#offer(exchange);
    return address === undefined ? { answer: 'ignore', reason: 'pool-exhausted' } : { answer: 'bootp', address };
  }

  #offer({ request, identity, subnet, now }: Exchange): Ipv4Address | undefined {
    return this.#allocation.offer(identity, subnet, request.options.find(Option.requestedAddress), now);
  }

  /** The four forms of DHCPREQUEST are told apart by what they fill in (RFC 2131 §4.3.2, table 4). */
  #request(exchange: Exchange): Verdict {
    const { request } = exchange;
    const server = request.options.find(Option.serverIdentifier);
    const requested = request.options.find(Option.requestedAddress);
    const hasAddress = request.ciaddr !== IPV4_ANY;
    if (server !== undefined) return this.#selecting(exchange, server, requested ?? request.ciaddr);
    if (hasAddress) return this.#renewingOrRebinding(exchange, request.ciaddr);
    if (requested !== undefined) return this.#initReboot(exchange, requested);
    return { answer: 'ignore', reason: 'unexpected' };
  }

  #selecting({ identity, subnet, now }: Exchange, server: Ipv4Address, address: Ipv4Address): Verdict {
    if (!this.#isThisServer(server)) {
      this.#allocation.endOffer(identity);
      return { answer: 'ignore', reason: 'other-server' };
    }
    if (this.#allocation.isFreeFor(identity, address, subnet, now) && ipv4InSubnet(address, subnet.subnet)) {
      return { answer: 'ack', address };
    }
    return { answer: 'nak', message: `${address} is no longer free for this client` };
  }

  #initReboot({ identity, subnet, now }: Exchange, address: Ipv4Address): Verdict {
    if (!ipv4InSubnet(address, subnet.subnet)) return { answer: 'nak', message: `${address} is of another network` };
    const lease = this.#allocation.leaseOf(identity, subnet);
    if (lease === undefined) return this.#unknown();
    const reserved = this.#options.reservations?.addressOf(identity);
    const isCurrent = lease.address === address && (reserved === undefined || reserved === address);
    if (isCurrent && this.#allocation.isFreeFor(identity, address, subnet, now)) return { answer: 'ack', address };
    return { answer: 'nak', message: `${address} is not this client's address` };
  }

  /**
   * A machine that runs from the network loses its disk with its address. So a known lease is prolonged even if reservations or pool
   * have changed since, and one that this server has no record of is given again as long as nobody else has it.
   */
  #renewingOrRebinding({ identity, subnet, now }: Exchange, address: Ipv4Address): Verdict {
    if (!ipv4InSubnet(address, subnet.subnet)) return { answer: 'nak', message: `${address} is of another network` };
    const lease = this.#options.leases.leaseAt(address);
    const isHeld =
      lease !== undefined && lease.clientKey === identity.key && lease.state === 'bound' && lease.expires > now;
    if (isHeld || this.#allocation.isFreeFor(identity, address, subnet, now)) return { answer: 'ack', address };
    if (lease !== undefined) return { answer: 'nak', message: `${address} belongs to another client` };
    return this.#unknown();
  }

  #unknown(): Verdict {
    if (this.#options.authoritative !== true) return { answer: 'ignore', reason: 'unknown-client' };
    return { answer: 'nak', message: 'this client is not known here' };
  }

  #decline({ request, identity, now }: Exchange): Verdict {
    const address = request.options.find(Option.requestedAddress);
    const lease = address === undefined ? undefined : this.#options.leases.leaseAt(address);
    if (!this.#isForThisServer(request)) return { answer: 'ignore', reason: 'other-server' };
    if (lease?.clientKey !== identity.key) return { answer: 'ignore', reason: 'unknown-client' };
    const declined: Lease = { ...lease, state: 'declined', start: now, expires: now + declineTime };
    return { answer: 'none', change: 'declined', lease: declined };
  }

  #release({ request, identity, now }: Exchange): Verdict {
    const lease = this.#options.leases.leaseAt(request.ciaddr);
    if (!this.#isForThisServer(request)) return { answer: 'ignore', reason: 'other-server' };
    if (lease?.clientKey !== identity.key || lease.state !== 'bound')
      return { answer: 'ignore', reason: 'unknown-client' };
    return { answer: 'none', change: 'released', lease: { ...lease, state: 'released', expires: now } };
  }

  #isForThisServer({ options }: DhcpMessage): boolean {
    const server = options.find(Option.serverIdentifier);
    return server === undefined || this.#isThisServer(server);
  }

  #isThisServer(server: Ipv4Address): boolean {
    const { serverIdentifier, otherAddresses } = this.#options;
    return server === serverIdentifier || otherAddresses?.includes(server) === true;
  }
}
