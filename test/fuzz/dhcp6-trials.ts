/** What reads bytes of DHCPv6, given damaged and random ones: messages, relay agents' envelopes, a server and a client. */

import { isDeepStrictEqual } from 'node:util';
import type { Ipv6Address, MacAddress } from '../../src/bytes/index.ts';
import {
  bootClient,
  Dhcp6Client,
  Dhcp6Server,
  decodeMessage,
  duidOfMac,
  encodeMessage,
  encodeRelayMessage,
  MemoryLeaseStore,
  Option,
  OptionList,
  type OptionType,
  summary,
  unwrapRelays,
} from '../../src/dhcp6/index.ts';
import * as captures from '../dhcp6/captures.ts';
import type { Random } from '../support/random.ts';
import { damaged, randomBytes } from './random/bytes.ts';

const messages = [
  captures.dhcpcdSolicit,
  captures.dhclientRequest,
  captures.keaAdvertise,
  captures.dnsmasqReply,
] as const;
const options = Object.values<OptionType<unknown>>(Option);
const address = '2001:db8::1' as Ipv6Address;
const duid = duidOfMac('52:54:00:12:34:56' as MacAddress);

const server = new Dhcp6Server({
  // Whom the captured Request is for.
  serverIdentifier: decodeMessage(captures.dhclientRequest).options.get(Option.serverIdentifier) ?? duid,
  address,
  links: [
    {
      prefixes: [{ network: '2001:db8::' as Ipv6Address, length: 64 }],
      pool: { first: '2001:db8::100' as Ipv6Address, last: '2001:db8::1ff' as Ipv6Address },
      ...{ excluded: [address], preferredLifetime: 300, validLifetime: 600, domainNameServers: [], domainSearch: [] },
    },
  ],
  leases: new MemoryLeaseStore(),
  onEvent: (event) => {
    if (event.type === 'failed') throw event.error;
  },
});

function envelope(random: Random, inner: Uint8Array): Uint8Array {
  const options = new OptionList().set(Option.interfaceIdentifier, damaged(random, Buffer.from('eth0')));
  options.set(Option.relayMessage, inner);
  const hopCount = random.below(256);
  return encodeRelayMessage({ type: 12, hopCount, linkAddress: address, peerAddress: address, options });
}

export const dhcp6Trials: Readonly<Record<string, (random: Random) => void | Promise<void>>> = {
  'DHCPv6 messages': (random) => {
    let bytes: Uint8Array = damaged(random, random.pick(messages));
    for (let relays = random.below(4); relays > 0; relays--) bytes = envelope(random, bytes);
    if (random.oneIn(3)) bytes = damaged(random, bytes);
    const relayed = unwrapRelays(bytes);
    bootClient(relayed, address);
    summary(relayed.message);
    for (const option of Object.values(Option)) relayed.message.options.find<unknown>(option);
    if (
      !Buffer.from(encodeMessage(relayed.message)).equals(encodeMessage(decodeMessage(encodeMessage(relayed.message))))
    ) {
      throw new Error('a DHCPv6 message does not come back as it was');
    }
  },
  'DHCPv6 option codecs': (random) => {
    const { name, codec } = random.pick<OptionType<unknown>>([Option.bootFileUrl, ...options]);
    const value = codec.decode(new Uint8Array(randomBytes(random, random.below(random.oneIn(8) ? 300 : 40))));
    if (!isDeepStrictEqual(codec.decode(codec.encode(value)), value)) throw new Error(`${name} does not come back`);
  },
  'a DHCPv6 server': async (random) => {
    const asked = random.pick([captures.dhcpcdSolicit, captures.dhclientRequest] as const);
    await server.receive(damaged(random, asked), { address: 'fe80::1%eth0', port: 546 }, random.below(1e9));
  },
  'a DHCPv6 client': (random) => {
    const client = new Dhcp6Client({ duid, iaid: 1, mode: 'stateful', longestDelay: 0 }, () => 0.5);
    client.start(0);
    // The transaction is the one that a random number of 0.5 makes.
    const answer = Buffer.from(random.pick([captures.keaAdvertise, captures.dnsmasqReply] as const));
    answer.writeUIntBE(0x80_0000, 1, 3);
    let now = 0;
    for (let step = 0; step < 6; step++) {
      for (const datagram of [damaged(random, answer), answer]) {
        try {
          client.receive(datagram, now);
        } catch (cause) {
          throw new Error('a DHCPv6 client raises what is wrong with a datagram, which anybody can send', { cause });
        }
      }
      const { deadline } = client;
      if (deadline === undefined) return;
      if (!Number.isFinite(deadline) || deadline < now)
        throw new Error(`a DHCPv6 client wants to be called at ${deadline}`);
      now = deadline;
      client.poll(now);
    }
  },
};
