/** What reads bytes of DHCPv4, given damaged and random ones: messages, options, a server and a client. */

import { isDeepStrictEqual } from 'node:util';
import { parametersOf } from '../../src/boot/dhcp-parameters.ts';
import type { Ipv4Address, MacAddress } from '../../src/bytes/index.ts';
import {
  bootClient,
  checkDatagram,
  DhcpClient,
  type DhcpClientAction,
  type DhcpQuestion,
  DhcpServer,
  decodeMessage,
  dhcpMessage,
  encodeMessage,
  MemoryLeaseStore,
  Option,
  OptionList,
  type OptionType,
  signDatagram,
  summary,
  unsignedAuthentication,
  vendorOptions,
} from '../../src/dhcp/index.ts';
import * as captures from '../dhcp/captures.ts';
import type { Random } from '../support/random.ts';
import { damaged, randomBytes } from './random/bytes.ts';

const options: readonly OptionType<unknown>[] = [...Object.values<OptionType<unknown>>(Option), vendorOptions];
const requests = [captures.ipxeDiscover, captures.ipxeRequest] as const;
const serverAddress = '192.0.2.1' as Ipv4Address;
const mac = '52:54:00:12:34:56' as MacAddress;

/** A server that tells of everything that a boot client looks at. */
function bootServer(): DhcpServer {
  return new DhcpServer({
    serverIdentifier: serverAddress,
    subnets: [
      {
        subnet: { network: '192.0.2.0' as Ipv4Address, prefix: 24 },
        pool: { first: '192.0.2.10' as Ipv4Address, last: '192.0.2.99' as Ipv4Address },
        excluded: [serverAddress],
        ...{ leaseTime: 600, routers: [serverAddress], domainNameServers: [serverAddress], domainName: 'example.com' },
      },
    ],
    leases: new MemoryLeaseStore(),
    bootFor: () => ({
      rootPath: 'iscsi:192.0.2.1::::iqn.2001-04.com.example:disk',
      target: { address: serverAddress, port: 3260, lun: '0'.repeat(16), targetName: 'iqn.2001-04.com.example:disk' },
      initiatorName: 'iqn.2001-04.com.example:init',
      chap: { username: 'a', password: 'b', reverse: { username: 'c', password: 'd' } },
    }),
    onEvent: (event) => {
      if (event.type === 'failed') throw event.error;
    },
  });
}

const lastingServer = bootServer();

/** What codecs are given: mostly of lengths that some of them take. */
function optionValue(random: Random): Uint8Array {
  if (random.oneIn(3)) return randomBytes(random, random.below(random.oneIn(8) ? 600 : 40));
  const list = new OptionList();
  for (let count = random.below(4); count > 0; count--) {
    list.setRaw(random.pick([6, 190, 191, 201, 203]), randomBytes(random, random.below(20)));
  }
  const encapsulated = vendorOptions.codec.encode(list);
  return random.oneIn(2) ? encapsulated : damaged(random, Buffer.from(encapsulated));
}

export const dhcpTrials: Readonly<Record<string, (random: Random) => void | Promise<void>>> = {
  'DHCP messages': (random) => {
    const key = { secretIdentifier: 7, secret: randomBytes(random, 16) };
    const list = new OptionList([[90, unsignedAuthentication(key, 1n)]]);
    for (const code of [1, 17, 43, 52, 60, 78, 79, 82, 83, 119, 121, 175, 203]) {
      if (random.oneIn(2)) list.setRaw(code, randomBytes(random, random.below(random.oneIn(8) ? 600 : 20)));
    }
    const datagram = encodeMessage(dhcpMessage({ op: 2, options: list }));
    signDatagram(datagram, key);
    if (checkDatagram(datagram, () => key).kind !== 'proven') throw new Error('what was signed is not proven');
    const bad = damaged(random, Buffer.from(datagram));
    checkDatagram(bad, () => key);
    readAll(bad);
  },
  'captured DHCP messages': (random) => {
    readAll(damaged(random, random.pick(requests)));
  },
  'DHCP option codecs': (random) => {
    const { name, codec } = random.pick([Option.rootPath, ...options]);
    const value = codec.decode(new Uint8Array(optionValue(random)));
    if (!isDeepStrictEqual(codec.decode(codec.encode(value)), value)) throw new Error(`${name} does not come back`);
  },
  'a DHCP server': async (random) => {
    const from = { address: random.pick(['0.0.0.0', '192.0.2.20']), port: 68 };
    await lastingServer.receive(damaged(random, random.pick(requests)), from, random.below(1e9));
  },
  'a DHCP client': async (random) => {
    const server = bootServer();
    const question = random.pick<DhcpQuestion>([
      { kind: 'lease' },
      { kind: 'bootp' },
      { kind: 'inform', address: serverAddress },
    ]);
    const vendorClass = random.pick([undefined, 'BRCM ISAN', 'PXEClient:Arch:00007:UNDI:003016']);
    const client = new DhcpClient({ hardwareAddress: mac, question, ...(vendorClass && { vendorClass }) }, () => 0.5);
    let now = 0;
    let actions = client.start(now);
    for (let step = 0; step < 12; step++) {
      const answers: Uint8Array[] = [];
      for (const action of actions) {
        readLease(action);
        if (action.type !== 'send') continue;
        const answer = await server.receive(action.datagram.data, { address: '0.0.0.0', port: 68 }, now);
        if (answer !== undefined) answers.push(answer.data);
      }
      actions = answers.flatMap((answer) => {
        const bad = client.receive(damaged(random, answer), now);
        return random.oneIn(3) ? [...bad, ...client.receive(answer, now)] : bad;
      });
      const { deadline } = client;
      if (deadline === undefined) return;
      if (!Number.isFinite(deadline) || deadline < now) throw new Error(`a client wants to be called at ${deadline}`);
      now = deadline;
      actions.push(...client.poll(now));
    }
  },
};

function readAll(datagram: Uint8Array): void {
  // Plain bytes, so that what is compared is of one kind.
  const message = decodeMessage(new Uint8Array(datagram));
  bootClient(message);
  summary(message);
  const again = decodeMessage(encodeMessage(message));
  for (const option of options) {
    const value = message.options.find(option);
    if (!isDeepStrictEqual(again.options.find(option), value)) throw new Error(`${option.name} does not come back`);
  }
}

/** What the boot client makes of a lease. An error with a code is an answer too, but the trial goes on. */
function readLease(action: DhcpClientAction): void {
  if (action.type === 'bound' || action.type === 'renewed') parametersOf(action.lease);
}
