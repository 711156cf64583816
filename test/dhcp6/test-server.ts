/** A DHCPv6 server without sockets, what clients ask it, and what they read in its answers. */

import assert from 'node:assert/strict';
import type { Ipv6Address, MacAddress } from '../../src/bytes/index.ts';
import {
  type Datagram,
  type Dhcp6Link,
  type Dhcp6Message,
  Dhcp6Server,
  type Dhcp6ServerEvent,
  type Dhcp6ServerOptions,
  decodeMessage,
  duidOfMac,
  encodeMessage,
  type IdentityAssociation,
  MemoryLeaseStore,
  MessageType,
  Option,
  OptionList,
  type Way,
} from '../../src/dhcp6/index.ts';

export const ip = (text: string) => text as Ipv6Address;
export const mac = (last: number) => `52:54:00:00:00:${last.toString(16).padStart(2, '0')}` as MacAddress;
export const serverIdentifier = duidOfMac(mac(0xfe));
export const own = ip('2001:db8::1');
export const url = 'iscsi:[2001:db8::1]::::iqn.2024-01.com.example:disk';
export const somewhere = { address: 'fe80::99%eth0', port: 546 };

export const link: Dhcp6Link = {
  prefixes: [{ network: ip('2001:db8::'), length: 64 }],
  pool: { first: ip('2001:db8::10'), last: ip('2001:db8::13') },
  excluded: [ip('2001:db8::12')],
  preferredLifetime: 3000,
  validLifetime: 4000,
  domainNameServers: [ip('2001:db8::53')],
  domainSearch: ['example.com'],
};
export const farLink: Dhcp6Link = {
  ...link,
  prefixes: [{ network: ip('2001:db8:1::'), length: 64 }],
  pool: { first: ip('2001:db8:1::10'), last: ip('2001:db8:1::1f') },
};

export interface Asked {
  readonly duid?: Uint8Array | undefined;
  readonly to?: Uint8Array;
  /** One IA for each, with the addresses in it. */
  readonly ias?: readonly { readonly iaid?: number; readonly addresses?: readonly string[] }[];
  readonly options?: (list: OptionList) => unknown;
}

export function message(type: number, { ias = [], to, options, ...rest }: Asked = {}): Dhcp6Message {
  const list = new OptionList();
  const duid = 'duid' in rest ? rest.duid : duidOfMac(mac(1));
  if (duid !== undefined) list.set(Option.clientIdentifier, duid);
  if (to !== undefined) list.set(Option.serverIdentifier, to);
  for (const { iaid = 1, addresses = [] } of ias) {
    const inner = new OptionList();
    for (const address of addresses) {
      const lifetimes = { preferredLifetime: 0, validLifetime: 0 };
      inner.append(Option.iaAddress, { address: ip(address), ...lifetimes, options: new OptionList() });
    }
    list.append(Option.iaNa, { iaid, t1: 0, t2: 0, options: inner });
  }
  options?.(list);
  return { type, transactionId: 0x123456, options: list };
}

export const solicit = (asked: Asked = {}) => message(MessageType.solicit, { ias: [{}], ...asked });
export const request = (asked: Asked = {}) =>
  message(MessageType.request, { to: serverIdentifier, ias: [{}], ...asked });
export const renew = (address: string, asked: Asked = {}) =>
  message(MessageType.renew, { to: serverIdentifier, ias: [{ addresses: [address] }], ...asked });
export const rebind = (address: string, asked: Asked = {}) =>
  message(MessageType.rebind, { ias: [{ addresses: [address] }], ...asked });

export class TestServer {
  readonly leases = new MemoryLeaseStore();
  readonly events: Dhcp6ServerEvent[] = [];
  readonly server: Dhcp6Server;
  now = 1_000_000;

  constructor(options: Partial<Dhcp6ServerOptions> = {}) {
    this.server = new Dhcp6Server({
      ...{ serverIdentifier, address: own, links: [link, farLink], leases: this.leases },
      onEvent: (event) => this.events.push(event),
      ...options,
    });
  }

  async datagram(data: Uint8Array, from = somewhere, way: Way = 'multicast'): Promise<Datagram | undefined> {
    return this.server.receive(data, from, this.now, way);
  }

  async ask(asked: Dhcp6Message, from = somewhere): Promise<Dhcp6Message> {
    const reply = await this.datagram(encodeMessage(asked), from);
    assert.ok(reply !== undefined, `no answer: ${JSON.stringify(this.events.at(-1))}`);
    const answer = decodeMessage(reply.data);
    assert.equal(answer.transactionId, asked.transactionId);
    assert.deepEqual(answer.options.get(Option.serverIdentifier), serverIdentifier);
    assert.deepEqual(answer.options.raw(1), asked.options.raw(1));
    return answer;
  }

  /** Lets a client get an address. */
  async bind(asked: Asked = {}): Promise<Ipv6Address> {
    const address = addressOf(await this.ask(request(asked)));
    assert.ok(address !== undefined, 'no address');
    return address;
  }

  async silent(asked: Dhcp6Message): Promise<string> {
    assert.equal(await this.datagram(encodeMessage(asked)), undefined);
    const last = this.events.at(-1);
    return last?.type === 'ignored' ? last.reason : String(last?.type);
  }
}

export function ia(answer: Dhcp6Message): IdentityAssociation {
  const found = answer.options.get(Option.iaNa);
  assert.ok(found !== undefined, 'no IA');
  return found;
}

export function addressOf(answer: Dhcp6Message): Ipv6Address | undefined {
  return ia(answer).options.get(Option.iaAddress)?.address;
}

export function statusOf({ options }: { readonly options: OptionList }): number | undefined {
  return options.get(Option.statusCode)?.code;
}

export function lifetimes(answer: Dhcp6Message) {
  return ia(answer)
    .options.all(Option.iaAddress)
    .map(({ address, preferredLifetime, validLifetime }) => [address, preferredLifetime, validLifetime]);
}
