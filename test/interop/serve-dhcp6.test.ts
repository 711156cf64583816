/** What `diskless serve` can be told of IPv6: reserved addresses, pools, name servers, short exchanges, networks behind relay agents. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseMac } from '../../src/bytes/index.ts';
import {
  decodeMessage,
  duidOfMac,
  encodeMessage,
  formatDuid,
  MessageType,
  Option,
  OptionList,
  StatusCode,
} from '../../src/dhcp6/index.ts';
import { writeBootableImage } from '../support/bootable-image.ts';
import { dhclient6Flags, noted } from '../support/dhclient6.ts';
import { end, RunningProgram, said } from '../support/namespace-pair.ts';
import { makeRelayedNetwork, type RelayedNetwork } from '../support/relayed-network.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { ServeProgram } from '../support/serve-program.ts';
import { makeServedNetwork, run, type ServedNetwork } from '../support/served-network.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const clientProgram = join(import.meta.dirname, '../support/dhcp6-client-program.ts');

async function inside(place: readonly string[], ...commands: readonly string[]): Promise<void> {
  for (const command of commands) {
    const { code, stderr } = await run([...place, ...command.split(' ')]);
    assert.equal(code, 0, `${command}: ${stderr}`);
  }
}

/** A served network where the server has 2001:db8::1 too, and addresses are of use at once. */
async function ipv6Network(name: string): Promise<ServedNetwork> {
  const network = makeServedNetwork(name);
  await inside(network.onServer, `ip address add 2001:db8::1/64 dev ${network.serverInterface} nodad`);
  return network;
}

function places(t: TestContext): readonly string[] {
  const directory = temporaryDirectory(t);
  const image = join(directory, 'golden.img');
  const content = randomBytes(1 << 20);
  writeBootableImage(image, content);
  return [image, '--data', join(directory, 'data'), '--loader-dir', 'off', '--dhcp', 'off', '--dhcp6', 'on'];
}

/** What a client of this network that has this card is told. */
async function asClient({ onClient, clientInterface }: ServedNetwork, hardwareAddress: string, rapidCommit = false) {
  const settings = { interface: clientInterface, hardwareAddress, mode: 'stateful', rapidCommit, longestDelay: 0 };
  await using client = new RunningProgram(onClient.at(-1) ?? '', clientProgram, settings);
  const bound = await client.message(({ type }) => type === 'bound');
  const sent = client.messages
    .filter(({ type }) => type === 'send')
    .map(({ summary }) => String(summary).split(',')[0]);
  const { addresses, dns, search } = bound;
  return { addresses, dns, search, sent: [...new Set(sent)] };
}

test('addresses come from the pool, certain ones for certain clients, with name servers and search list', async (t) => {
  if (!requires(t, 'ip', root, networkNamespaces)) return;
  await using network = await ipv6Network('serve6set');
  const [one, two, three] = ['52:54:00:ab:cd:01', '52:54:00:ab:cd:02', '52:54:00:ab:cd:03'] as const;
  const reserved = [`${one}=2001:db8::77`, `duid:${formatDuid(duidOfMac(parseMac(two)))}=2001:db8::100`];
  const lists = [
    '--dns',
    '2001:db8::53',
    '--dns',
    '192.0.2.53',
    '--search-domain',
    'lab.example.com',
    '--domain',
    'x.example',
  ];
  const flags = ['--interface', network.serverInterface, '--pool', '2001:db8::100-2001:db8::101', ...lists];
  await using server = await ServeProgram.start(
    [...places(t), ...flags, ...reserved.flatMap((each) => ['--reserve', each])],
    network.onServer,
  );
  assert.equal(server.find('ready')?.interfaces[0]?.ipv6?.pool, '2001:db8::100-2001:db8::101');
  const told = await asClient(network, one);
  assert.deepEqual(told.addresses, ['2001:db8::77']);
  assert.deepEqual(told.dns, ['2001:db8::53']);
  assert.deepEqual(told.search, ['lab.example.com']);
  assert.deepEqual(told.sent, ['SOLICIT', 'REQUEST']);
  assert.deepEqual((await asClient(network, three)).addresses, ['2001:db8::101'], 'the only one that is not reserved');
  assert.deepEqual((await asClient(network, two)).addresses, ['2001:db8::100']);
});

test('with --rapid-commit on two messages are enough, and --ipv6-prefix says what the interface does not', async (t) => {
  if (!requires(t, 'ip', root, networkNamespaces)) return;
  await using network = makeServedNetwork('serve6rapid');
  await inside(network.onServer, `ip address add 2001:db8::1/128 dev ${network.serverInterface} nodad`);
  const flags = ['--interface', network.serverInterface, '--rapid-commit', 'on', '--ipv6-prefix', '2001:db8::/64'];
  await using server = await ServeProgram.start([...places(t), ...flags], network.onServer);
  assert.equal(server.find('ready')?.interfaces[0]?.ipv6?.prefix, '2001:db8::/64');
  const told = await asClient(network, network.clientMac, true);
  assert.match(String(told.addresses), /^2001:db8::1:[0-9a-f]{1,4}$/);
  assert.deepEqual(told.sent, ['SOLICIT']);
});

test('what is of IPv6 without --dhcp6 on is refused', async (t) => {
  const flags = ['--interface', 'lo', '--dns', '2001:db8::53', '--dhcp6', 'off'];
  const [image = '', ...rest] = places(t);
  const launcher = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');
  const ran = await run([process.execPath, launcher, 'serve', image, ...rest, ...flags]);
  assert.equal(ran.code, 2, ran.stderr);
  assert.match(ran.stderr, /--dns is of IPv6, which is not served \(USAGE_IPV6_NOT_SERVED\)/);
});

test('a client that asks the server alone is told to ask all, and a Solicit to it alone is not heard (RFC 8415 §16, §18.4)', async (t) => {
  if (!requires(t, 'ip', root, networkNamespaces)) return;
  await using network = await ipv6Network('serve6uni');
  const { onServer, onClient, serverInterface, clientInterface } = network;
  await inside(onServer, `ip address add fe80::1/64 dev ${serverInterface} nodad`);
  await inside(onClient, `ip address add fe80::77/64 dev ${clientInterface} nodad`);
  await using _ = await ServeProgram.start([...places(t), '--interface', serverInterface], onServer);
  const datagrams = [MessageType.solicit, MessageType.request].map((type) => {
    const options = new OptionList().set(Option.clientIdentifier, duidOfMac(parseMac('52:54:00:ab:cd:01')));
    if (type === MessageType.request) {
      const [, , hardware = ''] = macOf(onServer, serverInterface);
      options.set(Option.serverIdentifier, duidOfMac(parseMac(hardware)));
    }
    return Buffer.from(encodeMessage({ type, transactionId: type, options })).toString('hex');
  });
  const settings = {
    interface: clientInterface,
    port: 546,
    to: { address: `fe80::1%${clientInterface}`, port: 547 },
    datagrams,
  };
  await using client = new RunningProgram(
    onClient.at(-1) ?? '',
    join(import.meta.dirname, '../support/udp6-program.ts'),
    settings,
  );
  const { data } = await client.message(({ type }) => type === 'heard');
  const answer = decodeMessage(Buffer.from(String(data), 'hex'));
  assert.equal(answer.transactionId, MessageType.request);
  assert.equal(answer.options.get(Option.statusCode)?.code, StatusCode.useMulticast);
});

/** Name, state and hardware address. */
function macOf(place: readonly string[], link: string): string[] {
  const [program = '', ...args] = [...place, 'ip', '-brief', 'link', 'show', 'dev', link];
  return spawnSync(program, args, { encoding: 'utf8' }).stdout.split(/\s+/);
}

interface Agent {
  readonly program: string;
  readonly args: (network: RelayedNetwork) => readonly string[];
  /** What it says when it is ready. */
  readonly ready: RegExp;
}

const agents: readonly Agent[] = [
  {
    program: 'dhcrelay',
    // -I: with an interface-id.
    args: ({ relayInterfaces: [near, far] }) => {
      return ['-6', '-d', '-I', '--no-pid', '-l', far, '-u', `2001:db8::1%${near}`];
    },
    ready: /Sending on/,
  },
  {
    program: 'dnsmasq',
    args: ({ relayInterfaces: [near, far] }) => {
      const flags = ['--keep-in-foreground', '--conf-file=/dev/null', '--log-facility=-', '--user=root', '--pid-file='];
      return [
        ...flags,
        '--port=0',
        `--interface=${near}`,
        `--interface=${far}`,
        '--dhcp-relay=2001:db8:1::1,2001:db8::1',
      ];
    },
    ready: /DHCP relay from/,
  },
];

for (const { program, args, ready } of agents) {
  test(`a machine behind ${program} gets an IPv6 address of its own network, and the way to its disk`, async (t) => {
    if (!requires(t, program, 'dhclient', 'ip', root, networkNamespaces)) return;
    using network = makeRelayedNetwork(`six-${program}`, '52:54:00:12:34:56');
    const { onServer, onRelay, onClient, relayInterfaces, serverInterface, clientInterface } = network;
    const [near, far] = relayInterfaces;
    await inside(onServer, `ip address add 2001:db8::1/64 dev ${serverInterface} nodad`);
    await inside(onServer, 'ip route add 2001:db8:1::/64 via 2001:db8::2');
    for (const each of [
      `ip address add 2001:db8::2/64 dev ${near} nodad`,
      `ip address add 2001:db8:1::1/64 dev ${far} nodad`,
      `ip address add fe80::1/64 dev ${far} nodad`,
    ]) {
      await inside(onRelay, each);
    }
    await inside(onClient, `ip address add fe80::77/64 dev ${clientInterface} nodad`);
    const flags = ['--interface', serverInterface, '--relayed-subnet', '2001:db8:1::1/64'];
    await using server = await ServeProgram.start([...places(t), ...flags], onServer);
    const agent = start([...onRelay, program, ...args(network)]);
    try {
      await said(agent, ready);
      const folder = temporaryDirectory(t);
      const client = start([...onClient, 'dhclient', ...dhclient6Flags(folder), clientInterface]);
      try {
        const { address } = await server.said('lease', ({ change }) => change === 'bound');
        assert.match(address, /^2001:db8:1::1:[0-9a-f]{1,4}$/);
        await said(client, /noted BOUND6/);
      } finally {
        await end(client);
      }
      const rootPath = 'iscsi:[2001:db8::1]::::iqn.2026-11.internal.diskless:52-54-00-12-34-56';
      assert.ok(noted(folder).includes(`new_dhcp6_bootfile_url=${rootPath}\n`), noted(folder));
    } finally {
      await end(agent);
    }
  });
}

function start(command: readonly string[]): ChildProcess {
  const [program = '', ...args] = command;
  return spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
}
