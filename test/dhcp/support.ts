/** Requests as clients of each kind send them, and a server to answer them. */

import assert from 'node:assert/strict';
import type { Ipv4Address, MacAddress } from '../../src/bytes/index.ts';
import { macToBytes } from '../../src/bytes/index.ts';
import {
  type Datagram,
  type DhcpMessage,
  DhcpServer,
  type DhcpServerEvent,
  type DhcpServerOptions,
  type DhcpSubnet,
  decodeMessage,
  dhcpMessage,
  encodeMessage,
  MemoryLeaseStore,
  MessageType,
  Option,
  OptionList,
} from '../../src/dhcp/index.ts';

export const ip = (text: string) => text as Ipv4Address;
export const mac = (last: number) => `52:54:00:00:00:${last.toString(16).padStart(2, '0')}` as MacAddress;

export const serverIdentifier = ip('192.0.2.1');
export const anywhere = { address: '0.0.0.0', port: 68 };

export const subnet: DhcpSubnet = {
  subnet: { network: ip('192.0.2.0'), prefix: 24 },
  pool: { first: ip('192.0.2.10'), last: ip('192.0.2.13') },
  excluded: [serverIdentifier],
  leaseTime: 3600,
  routers: [ip('192.0.2.254')],
  domainNameServers: [ip('192.0.2.53'), ip('192.0.2.54')],
  domainName: 'example.com',
};

export interface RequestFields {
  readonly type?: number;
  readonly from?: MacAddress;
  readonly fields?: Partial<DhcpMessage>;
  readonly options?: (list: OptionList) => unknown;
}

export function request({ type, from = mac(1), fields = {}, options }: RequestFields): DhcpMessage {
  const chaddr = new Uint8Array(16);
  chaddr.set(macToBytes(from));
  const list = new OptionList();
  if (type !== undefined) list.set(Option.messageType, type);
  options?.(list);
  return dhcpMessage({ xid: 0x1234, chaddr, options: list, ...fields });
}

export const discover = (from = mac(1), options?: RequestFields['options']) =>
  request({ type: MessageType.discover, from, ...(options === undefined ? {} : { options }) });

/** The request of a client that selects an offer. */
export const select = (address: Ipv4Address, from = mac(1), server = serverIdentifier) =>
  request({
    type: MessageType.request,
    from,
    options: (list) => list.set(Option.requestedAddress, address).set(Option.serverIdentifier, server),
  });

export const initReboot = (address: Ipv4Address, from = mac(1)) =>
  request({ type: MessageType.request, from, options: (list) => list.set(Option.requestedAddress, address) });

export const renew = (address: Ipv4Address, from = mac(1)) =>
  request({ type: MessageType.request, from, fields: { ciaddr: address } });

export interface Answer {
  readonly message: DhcpMessage;
  readonly datagram: Datagram;
  readonly type: number | undefined;
}

/** A server, its leases and everything that it said of itself. */
export class TestServer {
  readonly events: DhcpServerEvent[] = [];
  readonly leases: MemoryLeaseStore;
  readonly server: DhcpServer;
  now = 1_000_000;

  constructor(changes: Partial<DhcpServerOptions> = {}) {
    this.leases = new MemoryLeaseStore();
    this.server = new DhcpServer({
      serverIdentifier,
      subnets: [subnet],
      leases: this.leases,
      onEvent: (event) => this.events.push(event),
      ...changes,
    });
  }

  async ask(message: DhcpMessage): Promise<Answer | undefined> {
    const datagram = await this.server.receive(encodeMessage(message), anywhere, this.now);
    if (datagram === undefined) return undefined;
    const answer = decodeMessage(datagram.data);
    return { message: answer, datagram, type: answer.options.get(Option.messageType) };
  }

  async expect(message: DhcpMessage, type: number | undefined): Promise<DhcpMessage> {
    const answer = await this.ask(message);
    assert.ok(answer, `no answer: ${JSON.stringify(this.events.at(-1))}`);
    assert.equal(answer.type, type);
    return answer.message;
  }

  async expectSilence(message: DhcpMessage, reason?: string): Promise<void> {
    const answer = await this.ask(message);
    assert.equal(answer, undefined);
    const last = this.events.at(-1);
    if (reason !== undefined) assert.equal(last?.type === 'ignored' ? last.reason : last?.type, reason);
  }

  /** DISCOVER and REQUEST; gives the ACK. */
  async bind(from = mac(1)): Promise<DhcpMessage> {
    const offer = await this.expect(discover(from), MessageType.offer);
    return await this.expect(select(offer.yiaddr, from), MessageType.ack);
  }
}
