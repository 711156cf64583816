/**
 * A DHCPv4 server (RFC 2131 §4.3) with BOOTP (RFC 1534), for the machines of one interface and those behind relay agents.
 *
 * It has no socket and no timer: the owner hands it each datagram with the time, and sends what it gives back.
 */

import { IPV4_ANY, type Ipv4Address, ipv4InSubnet, ProtocolError } from '../../bytes/index.ts';
import { type BootClient, bootClient } from '../boot-client.ts';
import type { Datagram, Endpoint } from '../datagram.ts';
import { BootOperation, type DhcpMessage, decodeMessage, MessageType, messageType } from '../message.ts';
import { Option } from '../option.ts';
import { AddressAllocation, type Reservations } from './allocation.ts';
import { type BootAnswer, bootFields } from './boot-answer.ts';
import { Decisions, type Exchange, type Verdict } from './decision.ts';
import type { DhcpServerEvent } from './event.ts';
import { clientKey, type Lease, type LeaseStore, NEVER } from './lease.ts';
import { buildReply, defaultPorts, type ReplyPorts, replyDestination } from './reply.ts';
import { checkPool, type DhcpSubnet } from './subnet.ts';

export interface DhcpServerOptions {
  /** This server's own address on the interface: option 54. */
  readonly serverIdentifier: Ipv4Address;
  /** The first is that of the interface; the others are reached by relay agents. */
  readonly subnets: readonly [DhcpSubnet, ...DhcpSubnet[]];
  readonly leases: LeaseStore;
  readonly reservations?: Reservations;
  /** No other server serves these subnets: a client that is unknown here is told so (NAK) instead of being left to time out. */
  readonly authoritative?: boolean;
  readonly bootFor?: (client: BootClient) => BootAnswer | undefined | Promise<BootAnswer | undefined>;
  readonly onEvent?: (event: DhcpServerEvent) => void;
  readonly ports?: ReplyPorts;
}

/** A client may ask for a shorter lease than usual, but not for one so short that it floods the server; seconds. */
const shortestLeaseTime = 60;
const forEver = 0xffff_ffff;

export class DhcpServer {
  readonly #options: DhcpServerOptions;
  readonly #allocation: AddressAllocation;
  readonly #decisions: Decisions;
  readonly #ports: ReplyPorts;

  /** Raises DHCP_POOL_OUTSIDE_SUBNET, DHCP_POOL_EMPTY. */
  constructor(options: DhcpServerOptions) {
    for (const subnet of options.subnets) checkPool(subnet);
    this.#options = options;
    this.#allocation = new AddressAllocation(options.leases, options.reservations);
    this.#decisions = new Decisions(options, this.#allocation);
    this.#ports = options.ports ?? defaultPorts;
  }

  /**
   * Takes a datagram that arrived on the server port; `now` is in milliseconds since the Unix epoch. Resolves to the answer, once the
   * lease that it promises is durable, or to undefined when there is none. Never rejects: what goes wrong is an event.
   */
  async receive(data: Uint8Array, from: Endpoint, now: number): Promise<Datagram | undefined> {
    const request = this.#parse(data, from);
    if (request === undefined) return undefined;
    const client = bootClient(request);
    this.#emit({ type: 'received', message: request, client, from });
    const exchange = this.#open(request, from, client, now);
    if (exchange === undefined) return undefined;
    try {
      return await this.#answer(exchange, this.#decisions.decide(exchange));
    } catch (error) {
      this.#emit({ type: 'failed', error, client, clientKey: exchange.clientKey });
      return undefined;
    }
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

  #open(request: DhcpMessage, from: Endpoint, client: BootClient, now: number): Exchange | undefined {
    const key = clientKey(request);
    const subnet = this.#subnetOf(request);
    if (key !== undefined && subnet !== undefined) return { request, from, client, clientKey: key, subnet, now };
    this.#emit({ type: 'ignored', message: request, client, reason: key === undefined ? 'no-identity' : 'no-subnet' });
    return undefined;
  }

  /** RFC 2131 §4.3.1: the relay agent's address names the subnet; a client that has an address and no relay names it itself. */
  #subnetOf({ giaddr, ciaddr }: DhcpMessage): DhcpSubnet | undefined {
    const { subnets } = this.#options;
    const within = (address: Ipv4Address) => subnets.find(({ subnet }) => ipv4InSubnet(address, subnet));
    if (giaddr !== IPV4_ANY) return within(giaddr);
    return (ciaddr === IPV4_ANY ? undefined : within(ciaddr)) ?? subnets[0];
  }

  async #answer(exchange: Exchange, verdict: Verdict): Promise<Datagram | undefined> {
    const { serverIdentifier } = this.#options;
    const { request, client, subnet } = exchange;
    switch (verdict.answer) {
      case 'none':
        await this.#save(verdict.change, verdict.lease);
        return undefined;
      case 'ignore':
        this.#emit({ type: 'ignored', message: request, client, reason: verdict.reason });
        return undefined;
      case 'nak':
        return this.#send(exchange, undefined, { type: MessageType.nak, serverIdentifier, message: verdict.message });
      case 'inform':
        return this.#send(exchange, await this.#bootFor(client), { type: MessageType.ack, serverIdentifier, subnet });
      case 'offer': {
        const content = { type: MessageType.offer, serverIdentifier, yiaddr: verdict.address, subnet };
        const leaseTime = leaseTimeOf(exchange);
        return this.#send(exchange, await this.#bootFor(client), { ...content, leaseTime });
      }
      case 'ack': {
        const leaseTime = leaseTimeOf(exchange);
        // Both at once: the client waits for the slower one.
        const [, boot] = await Promise.all([this.#bind(exchange, verdict.address, leaseTime), this.#bootFor(client)]);
        const content = { type: MessageType.ack, serverIdentifier, yiaddr: verdict.address, subnet, leaseTime };
        return this.#send(exchange, boot, content);
      }
      case 'bootp': {
        const [, boot] = await Promise.all([this.#bind(exchange, verdict.address, forEver), this.#bootFor(client)]);
        return this.#send(exchange, boot, { type: undefined, serverIdentifier, yiaddr: verdict.address, subnet });
      }
    }
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

  /**
   * Reaches the store in the same turn in which the decision was made, so that no other client can be given the address in between.
   */
  async #bind(exchange: Exchange, address: Ipv4Address, leaseTime: number): Promise<void> {
    const { client, clientKey: key, subnet, now } = exchange;
    const before = this.#allocation.leaseOf(key, subnet);
    const isRenewal = before?.address === address && before.state === 'bound';
    const saved = this.#save(isRenewal ? 'renewed' : 'bound', {
      address,
      clientKey: key,
      hardwareAddress: client.hardwareAddress,
      state: 'bound',
      start: isRenewal ? before.start : now,
      expires: leaseTime === forEver ? NEVER : now + leaseTime * 1000,
      hostName: client.hostName ?? before?.hostName,
    });
    this.#allocation.endOffer(key);
    const hasMoved = before !== undefined && before.address !== address && before.state === 'bound';
    if (hasMoved) await this.#save('released', { ...before, state: 'released', expires: now });
    await saved;
  }

  async #save(change: 'bound' | 'renewed' | 'released' | 'declined', lease: Lease): Promise<void> {
    await this.#options.leases.save(lease);
    this.#emit({ type: 'lease', change, lease });
  }

  #send(
    { request, from, client }: Exchange,
    boot: BootAnswer | undefined,
    content: Parameters<typeof buildReply>[1],
  ): Datagram {
    const fields = boot === undefined ? undefined : bootFields(client, boot, 'full');
    const { message, data, omitted } = buildReply(request, { ...content, boot: fields });
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

/** Seconds. */
function leaseTimeOf({ request, subnet }: Exchange): number {
  const asked = request.options.find(Option.leaseTime);
  if (asked === undefined || asked >= subnet.leaseTime) return subnet.leaseTime;
  return Math.min(subnet.leaseTime, Math.max(asked, shortestLeaseTime));
}
