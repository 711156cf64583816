/**
 * A DHCPv4 server (RFC 2131 §4.3) with BOOTP (RFC 1534), for the machines of one interface and those behind relay agents.
 *
 * It has no socket and no timer: the owner hands it each datagram with the time, and sends what it gives back.
 */

import { IPV4_ANY, type Ipv4Address, ipv4InSubnet, type MacAddress, ProtocolError } from '../../bytes/index.ts';
import type { AuthenticationKey } from '../authentication.ts';
import type { AuthenticationKeyEntry } from '../authentication-file.ts';
import { type BootClient, bootClient } from '../boot-client.ts';
import type { Datagram, Endpoint } from '../datagram.ts';
import { BootOperation, type DhcpMessage, decodeMessage, MessageType, messageType } from '../message.ts';
import { Option } from '../option.ts';
import { AddressAllocation, type Reservations } from './allocation.ts';
import { ServerAuthentication } from './authentication.ts';
import { type BootAnswer, bootFields } from './boot-answer.ts';
import { ClientIdentity } from './client-identity.ts';
import { Decisions, declineTime, type Exchange, type Verdict } from './decision.ts';
import type { DhcpServerEvent, IgnoreReason, LeaseChange } from './event.ts';
import { type Lease, type LeaseStore, NEVER } from './lease.ts';
import { buildReply, defaultPorts, type ReplyContent, type ReplyPorts, replyDestination } from './reply.ts';
import { checkPool, type DhcpSubnet } from './subnet.ts';

export interface DhcpServerOptions {
  /** This server's own address on the interface: option 54. */
  readonly serverIdentifier: Ipv4Address;
  /** Its other addresses: a client may name any of them (RFC 2131 §4.1). */
  readonly otherAddresses?: readonly Ipv4Address[];
  /** The first is that of the interface; the others are reached by relay agents. */
  readonly subnets: readonly [DhcpSubnet, ...DhcpSubnet[]];
  readonly leases: LeaseStore;
  readonly reservations?: Reservations;
  /** No other server serves these subnets: a client that is unknown here is told so (NAK) instead of being left to time out. */
  readonly authoritative?: boolean;
  /** Keys of clients that ask for authentication (RFC 3118). */
  readonly authenticationKeys?: readonly AuthenticationKeyEntry[];
  /** Who answers at an address that is about to be offered to somebody new; undefined at once where that cannot be asked. */
  readonly probe?: (address: Ipv4Address) => Promise<MacAddress | undefined> | undefined;
  readonly bootFor?: (client: BootClient) => BootAnswer | undefined | Promise<BootAnswer | undefined>;
  readonly onEvent?: (event: DhcpServerEvent) => void;
  readonly ports?: ReplyPorts;
}

/** What to send; undefined when there is nothing. */
export type DhcpAnswer = Datagram | undefined | Promise<Datagram | undefined>;

/** A client may ask for a shorter lease than usual, but not for one so short that it floods the server; seconds. */
const shortestLeaseTime = 60;
const forEver = 0xffff_ffff;

export class DhcpServer {
  readonly #options: DhcpServerOptions;
  readonly #allocation: AddressAllocation;
  readonly #decisions: Decisions;
  readonly #ports: ReplyPorts;
  readonly #authentication: ServerAuthentication | undefined;

  /** Raises DHCP_POOL_OUTSIDE_SUBNET, DHCP_POOL_EMPTY. */
  constructor(options: DhcpServerOptions) {
    for (const subnet of options.subnets) checkPool(subnet);
    this.#options = options;
    this.#allocation = new AddressAllocation(options.leases, options.reservations);
    this.#decisions = new Decisions(options, this.#allocation);
    this.#ports = options.ports ?? defaultPorts;
    const { authenticationKeys: keys } = options;
    this.#authentication = keys === undefined || keys.length === 0 ? undefined : new ServerAuthentication(keys);
  }

  /**
   * Takes a datagram that arrived on the server port; `now` is in milliseconds since the Unix epoch. Gives the answer, or undefined when
   * there is none: at once, or once the lease that it promises is durable. Neither raises nor rejects: what goes wrong is an event.
   */
  receive(data: Uint8Array, from: Endpoint, now: number): DhcpAnswer {
    const request = this.#parse(data, from);
    if (request === undefined) return undefined;
    const client = bootClient(request);
    this.#emit({ type: 'received', message: request, client, from });
    const proof = this.#authentication?.check(data, request, client.hardwareAddress);
    if (proof?.kind === 'refused') return this.#ignore(request, client, 'not-authenticated');
    const exchange = this.#open(request, from, client, proof?.kind === 'key' ? proof.key : undefined, now);
    if (exchange === undefined) return undefined;
    try {
      const answer = this.#answer(exchange, this.#decisions.decide(exchange));
      return answer instanceof Promise ? answer.catch((error) => this.#failed(exchange, error)) : answer;
    } catch (error) {
      return this.#failed(exchange, error);
    }
  }

  #failed({ client, identity }: Exchange, error: unknown): undefined {
    this.#emit({ type: 'failed', error, client, clientKey: identity.key });
    return undefined;
  }

  #parse(data: Uint8Array, from: Endpoint): DhcpMessage | undefined {
    try {
      const message = decodeMessage(data);
      if (message.op !== BootOperation.request) return undefined;
      // Asked for here so that a malformed type is told apart from none, which is BOOTP.
      messageType(message);
      return message;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#emit({ type: 'malformed', error, from });
      return undefined;
    }
  }

  #open(
    request: DhcpMessage,
    from: Endpoint,
    client: BootClient,
    key: AuthenticationKey | undefined,
    now: number,
  ): Exchange | undefined {
    const identity = ClientIdentity.of(request, client.hardwareAddress);
    const subnet = this.#subnetOf(request);
    if (identity !== undefined && subnet !== undefined) return { request, from, client, identity, subnet, key, now };
    return this.#ignore(request, client, identity === undefined ? 'no-identity' : 'no-subnet');
  }

  #ignore(message: DhcpMessage, client: BootClient, reason: IgnoreReason): undefined {
    this.#emit({ type: 'ignored', message, client, reason });
    return undefined;
  }

  /**
   * RFC 2131 §4.3.1: the relay agent's address names the subnet; a client that has an address and no relay names it itself. Who only
   * wants to be told of its network (INFORM) must be in one that is served here (§3.4): what holds in another would mislead it.
   */
  #subnetOf(request: DhcpMessage): DhcpSubnet | undefined {
    const { giaddr, ciaddr } = request;
    const { subnets } = this.#options;
    const within = (address: Ipv4Address) => subnets.find(({ subnet }) => ipv4InSubnet(address, subnet));
    if (messageType(request) === MessageType.inform && ciaddr !== IPV4_ANY) return within(ciaddr);
    if (giaddr !== IPV4_ANY) return within(giaddr);
    return (ciaddr === IPV4_ANY ? undefined : within(ciaddr)) ?? subnets[0];
  }

  #answer(exchange: Exchange, verdict: Verdict): DhcpAnswer {
    const { serverIdentifier } = this.#options;
    const { request, client, subnet } = exchange;
    if (verdict.answer === 'offer' || verdict.answer === 'bootp') {
      const triedOut = this.#tryOut(exchange, verdict.address);
      if (triedOut !== undefined) return triedOut.then(() => this.#answer(exchange, this.#decisions.decide(exchange)));
    }
    switch (verdict.answer) {
      case 'none':
        return after(this.#save(verdict.change, verdict.lease), () => undefined);
      case 'ignore':
        return this.#ignore(request, client, verdict.reason);
      case 'nak':
        return this.#send(exchange, undefined, { type: MessageType.nak, serverIdentifier, message: verdict.message });
      case 'inform':
        return this.#sendWithBoot(exchange, undefined, { type: MessageType.ack, serverIdentifier, subnet });
      case 'offer': {
        const content = { type: MessageType.offer, serverIdentifier, yiaddr: verdict.address, subnet };
        return this.#sendWithBoot(exchange, undefined, { ...content, leaseTime: leaseTimeOf(exchange) });
      }
      case 'ack': {
        const leaseTime = leaseTimeOf(exchange);
        const saved = this.#bind(exchange, verdict.address, leaseTime);
        const content = { type: MessageType.ack, serverIdentifier, yiaddr: verdict.address, subnet, leaseTime };
        return this.#sendWithBoot(exchange, saved, content);
      }
      case 'bootp': {
        const saved = this.#bind(exchange, verdict.address, forEver);
        const content = { type: undefined, serverIdentifier, yiaddr: verdict.address, subnet };
        return this.#sendWithBoot(exchange, saved, content);
      }
    }
  }

  /** RFC 2131 §2.2: what is new to the client is given only when nobody answers there. Undefined when there is nothing to find out. */
  #tryOut(exchange: Exchange, address: Ipv4Address): Promise<void> | undefined {
    const { identity, client } = exchange;
    if (!this.#allocation.isNewTo(identity, address)) return undefined;
    return this.#options.probe?.(address)?.then((holder) => {
      // The client may have it already: from another server, or from this one before its leases were lost.
      if (holder !== undefined && holder !== client.hardwareAddress) return this.#quarantine(exchange, address, holder);
      this.#allocation.noteTriedOut(identity, address);
      return undefined;
    });
  }

  #quarantine({ client, now }: Exchange, address: Ipv4Address, holder: MacAddress): Promise<void> | undefined {
    this.#emit({ type: 'conflict', address, holder, client });
    const times = { start: now, expires: now + declineTime };
    const names = { clientKey: holder, hardwareAddress: holder, hostName: undefined };
    return this.#save('declined', { address, ...names, state: 'declined', ...times });
  }

  /** Waits for the lease and for what is known about booting at once: the client waits for the slower one. */
  #sendWithBoot(exchange: Exchange, saved: Promise<void> | undefined, content: ReplyContent): DhcpAnswer {
    let boot: BootAnswer | undefined | Promise<BootAnswer | undefined>;
    try {
      boot = this.#bootFor(exchange.client);
    } catch (error) {
      return after(saved, () => {
        throw error;
      });
    }
    if (boot instanceof Promise) {
      return Promise.all([boot, saved]).then(([known]) => this.#send(exchange, known, content));
    }
    const known = boot;
    return after(saved, () => this.#send(exchange, known, content));
  }

  /** A machine that runs already must get its address prolonged even when nothing can be said about booting. */
  #bootFor(client: BootClient): BootAnswer | undefined | Promise<BootAnswer | undefined> {
    try {
      const boot = this.#options.bootFor?.(client);
      return boot instanceof Promise ? boot.catch((error) => this.#noBoot(client, error)) : boot;
    } catch (error) {
      return this.#noBoot(client, error);
    }
  }

  #noBoot(client: BootClient, error: unknown): undefined {
    if (client.kind !== 'other') throw error;
    this.#emit({ type: 'failed', error, client });
    return undefined;
  }

  /**
   * Reaches the store in the same turn in which the decision was made, so that no other client can be given the address in between.
   */
  #bind(exchange: Exchange, address: Ipv4Address, leaseTime: number): Promise<void> | undefined {
    const { client, identity, subnet, now } = exchange;
    const before = this.#allocation.leaseOf(identity, subnet);
    const isRenewal = before?.address === address && before.state === 'bound';
    const saved = this.#save(isRenewal ? 'renewed' : 'bound', {
      address,
      clientKey: identity.key,
      hardwareAddress: client.hardwareAddress,
      state: 'bound',
      start: isRenewal ? before.start : now,
      expires: leaseTime === forEver ? NEVER : now + leaseTime * 1000,
      hostName: client.hostName ?? before?.hostName,
    });
    this.#allocation.endOffer(identity);
    const hasMoved = before !== undefined && before.address !== address && before.state === 'bound';
    if (!hasMoved) return saved;
    const released = this.#save('released', { ...before, state: 'released', expires: now });
    return saved === undefined ? released : saved.then(() => released);
  }

  #save(change: LeaseChange, lease: Lease): Promise<void> | undefined {
    if (change === 'released') this.#allocation.freed();
    const saved = this.#options.leases.save(lease);
    if (saved instanceof Promise) return saved.then(() => this.#emit({ type: 'lease', change, lease }));
    this.#emit({ type: 'lease', change, lease });
    return undefined;
  }

  #send({ request, from, client, key, now }: Exchange, boot: BootAnswer | undefined, content: ReplyContent): Datagram {
    const fields = boot === undefined ? undefined : bootFields(client, boot, 'full');
    const authentication = key === undefined ? undefined : this.#authentication?.unsigned(key, now);
    const { message, data, omitted } = buildReply(request, { ...content, boot: fields, authentication });
    if (key !== undefined) this.#authentication?.sign(data, key);
    const to = replyDestination(request, message, this.#ports);
    // An INFORM that does not say who it is still has a sender.
    const isLost = messageType(request) === MessageType.inform && request.ciaddr === IPV4_ANY;
    const destination = isLost && request.giaddr === IPV4_ANY && from.address !== IPV4_ANY ? from : to;
    this.#emit({ type: 'sent', message, client, to: destination, boot, omitted });
    return { data, to: destination };
  }

  #emit(event: DhcpServerEvent): void {
    this.#options.onEvent?.(event);
  }
}

/** What follows a save that may be done already. */
function after(saved: Promise<void> | undefined, then: () => Datagram | undefined): DhcpAnswer {
  return saved === undefined ? then() : saved.then(then);
}

/** Seconds. */
function leaseTimeOf({ request, subnet }: Exchange): number {
  const asked = request.options.find(Option.leaseTime);
  if (asked === undefined || asked >= subnet.leaseTime) return subnet.leaseTime;
  return Math.min(subnet.leaseTime, Math.max(asked, shortestLeaseTime));
}
