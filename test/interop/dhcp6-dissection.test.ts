/** What Wireshark makes of every kind of DHCPv6 message that this project's client and server send. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Ipv6Address, MacAddress } from '../../src/bytes/index.ts';
import {
  type BootAnswer,
  Dhcp6Client,
  type Dhcp6ClientAction,
  type Dhcp6ClientOptions,
  Dhcp6Server,
  duidOfMac,
  encodeRelayMessage,
  MemoryLeaseStore,
  MessageType,
  Option,
  OptionList,
} from '../../src/dhcp6/index.ts';
import { findProgram, requires } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const ip = (text: string) => text as Ipv6Address;
const mac = '52:54:00:12:34:56' as MacAddress;
const clientEndpoint = { address: 'fe80::5054:ff:fe12:3456', port: 546 };
const relay = { address: '2001:db8::2', port: 547 };
const bootFileUrl = 'iscsi:[2001:db8::1]::::iqn.2001-04.com.example:disk';

/** What went to the server port, and what to the client port. */
interface Traffic {
  readonly toServer: Uint8Array[];
  readonly toClient: Uint8Array[];
}

function newServer(boot: BootAnswer): Dhcp6Server {
  const pool = { first: ip('2001:db8::100'), last: ip('2001:db8::1ff') };
  const network = { domainNameServers: [ip('2001:db8::53')], domainSearch: ['example.com', 'example.org'] };
  const lifetimes = { preferredLifetime: 3000, validLifetime: 4000 };
  return new Dhcp6Server({
    serverIdentifier: duidOfMac('52:54:00:00:00:01' as MacAddress),
    address: ip('2001:db8::1'),
    leases: new MemoryLeaseStore(),
    preference: 9,
    rapidCommit: true,
    bootFor: () => boot,
    links: [{ prefixes: [{ network: ip('2001:db8::'), length: 64 }], pool, excluded: [], ...lifetimes, ...network }],
  });
}

/** A client and a server that hear each other at once, unless the client is deaf. */
class Talk {
  readonly client: Dhcp6Client;
  readonly #traffic: Traffic;
  readonly #server: Dhcp6Server;
  isDeaf = false;
  now = 0;

  constructor(traffic: Traffic, options: Partial<Dhcp6ClientOptions>) {
    const identity = { duid: duidOfMac(mac), iaid: 7, mode: 'stateful', longestDelay: 0 } as const;
    this.client = new Dhcp6Client({ ...identity, ...options }, Math.random);
    this.#server = newServer({ bootFileUrl, initiatorName: 'iqn.2001-04.com.example:me' });
    this.#traffic = traffic;
  }

  async carryOut(actions: readonly Dhcp6ClientAction[]): Promise<void> {
    for (const action of actions) {
      if (action.type !== 'send') continue;
      const { data } = action.datagram;
      this.#traffic.toServer.push(data);
      const reply = await this.#server.receive(data, clientEndpoint, 1e12 + this.now);
      if (reply === undefined || this.isDeaf) continue;
      this.#traffic.toClient.push(reply.data);
      await this.carryOut(this.client.receive(reply.data, this.now));
    }
  }

  /** Until the client next wants to do something. */
  async pass(): Promise<void> {
    this.now = this.client.deadline ?? this.now;
    await this.carryOut(this.client.poll(this.now));
  }

  /** Four messages at most. */
  async start(): Promise<this> {
    await this.carryOut(this.client.start(0));
    if (this.client.state === 'soliciting') await this.pass();
    return this;
  }
}

async function everything(): Promise<Traffic> {
  const traffic: Traffic = { toServer: [], toClient: [] };
  const talk = await new Talk(traffic, {}).start();
  await talk.carryOut(talk.client.confirm(talk.now));
  await talk.pass();
  talk.isDeaf = true;
  while (talk.client.state !== 'rebinding') await talk.pass();
  talk.isDeaf = false;
  await talk.pass();
  await talk.carryOut(talk.client.decline(talk.now));
  await talk.pass();
  await talk.pass();
  await talk.carryOut(talk.client.release(talk.now));
  assert.equal(talk.client.state, 'stopped');

  await new Talk(traffic, { rapidCommit: true }).start();
  await new Talk(traffic, { mode: 'stateless', requested: [23, 59, 60] }).start();
  for (const words of ['PXEClient:Arch:00007:UNDI:003001', 'HTTPClient:Arch:00016:UNDI:003001', 'BRCM ISAN']) {
    const vendorClass = { enterprise: 343, items: [Buffer.from(words)] };
    const about = { architectures: [7], networkInterfaceIdentifier: { type: 1, major: 3, minor: 16 } };
    await new Talk(traffic, { vendorClass, ...about }).start();
  }
  await new Talk(traffic, { userClasses: ['iPXE'] }).start();
  const others = new OptionList().append(Option.iaPd, { iaid: 3, t1: 0, t2: 0, options: new OptionList() });
  others.append(Option.iaTa, { iaid: 4, options: new OptionList() });
  await new Talk(traffic, { options: others }).start();
  const request = traffic.toServer.find(([type]) => type === MessageType.request);
  assert.ok(request !== undefined);
  const told = await newServer({ bootFileUrl }).receive(request, clientEndpoint, 1e12, 'unicast');
  assert.ok(told !== undefined);
  traffic.toClient.push(told.data);
  return traffic;
}

/** A reply through two relay agents. */
async function relayReply(question: Uint8Array): Promise<Uint8Array> {
  let message = question;
  for (const hopCount of [0, 1]) {
    const options = new OptionList()
      .set(Option.interfaceIdentifier, Buffer.from('eth1'))
      .set(Option.relayMessage, message);
    const linkAddress = ip(hopCount === 0 ? '2001:db8::2' : '::');
    message = encodeRelayMessage({ type: 12, hopCount, linkAddress, peerAddress: ip(clientEndpoint.address), options });
  }
  const reply = await newServer({ bootFileUrl }).receive(message, relay, 1e12);
  assert.ok(reply !== undefined);
  return reply.data;
}

/** One packet after the other as a capture file. */
function capture(t: TestContext, name: string, packets: readonly Uint8Array[], ports: string): string {
  const folder = temporaryDirectory(t);
  const [text, file] = [join(folder, `${name}.txt`), join(folder, `${name}.pcap`)];
  const lines = packets.map(
    (packet) => `000000 ${[...packet].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')}\n`,
  );
  writeFileSync(text, lines.join('\n'));
  const made = spawnSync(findProgram('text2pcap') ?? '', ['-q', '-6', 'fe80::1,fe80::2', '-u', ports, text, file], {
    encoding: 'utf8',
  });
  assert.equal(made.status, 0, made.stderr);
  return file;
}

function fields(file: string, filter: string, ...names: readonly string[]): string[] {
  const args = ['-r', file, '-Y', filter, '-T', 'fields', ...names.flatMap((name) => ['-e', name])];
  const { status, stdout, stderr } = spawnSync('tshark', args, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout.split('\n').filter((line) => line !== '');
}

test('Wireshark dissects all that client and server say, and has nothing to complain of', async (t) => {
  if (!requires(t, 'tshark', 'text2pcap')) return;
  const { toServer, toClient } = await everything();
  const [first] = toServer;
  assert.ok(first !== undefined);
  const files = {
    questions: capture(t, 'questions', toServer, '546,547'),
    answers: capture(t, 'answers', toClient, '547,546'),
    relayed: capture(t, 'relayed', [await relayReply(first)], '547,547'),
  };
  const ill = '_ws.malformed || _ws.expert.severity == warning || _ws.expert.severity == error';
  for (const file of Object.values(files)) {
    assert.deepEqual(fields(file, ill, 'frame.number', 'dhcpv6.msgtype', '_ws.expert.message'), []);
  }
  const types = (file: string) => new Set(fields(file, 'dhcpv6', 'dhcpv6.msgtype').map((line) => line.split(',')[0]));
  assert.deepEqual([...types(files.questions)].sort(), ['1', '11', '3', '4', '5', '6', '8', '9']);
  assert.deepEqual([...types(files.answers)].sort(), ['2', '7']);
  assert.deepEqual([...types(files.relayed)], ['13']);
  assert.equal(fields(files.questions, 'dhcpv6', 'frame.number').length, toServer.length);
  // UseMulticast.
  assert.equal(fields(files.answers, 'dhcpv6.status_code == 5', 'frame.number').length, 1);
  for (const [type, least] of Object.entries({ 16: 2, 17: 1, 23: 5, 24: 5, 59: 5, 60: 1 })) {
    const found = fields(files.answers, `dhcpv6.option.type == ${type}`, 'frame.number').length;
    assert.ok(found >= least, `option ${type} in ${found} answers`);
  }
});
