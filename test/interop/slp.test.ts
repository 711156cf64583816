/** Our SLP agents with each other through the kernel's sockets, and Wireshark's opinion of every message. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import type { SlpTarget } from '../../src/boot/slp-discovery.ts';
import { encodeMessage, type SlpBody, slpHeader } from '../../src/slp/index.ts';
import { NamespacePair, said } from '../support/namespace-pair.ts';
import { findProgram, missing, networkNamespaces, requires, root } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const agentProgram = join(import.meta.dirname, '..', 'support', 'slp-agent-program.ts');
const searchProgram = join(import.meta.dirname, '..', 'support', 'slp-search-program.ts');
const initiatorName = 'iqn.2001-04.com.example:host';
const needs = ['ip', root, networkNamespaces] as const;

const server4 = '192.0.2.1';
const client4 = '192.0.2.77';
const server6 = '2001:db8::1';
const client6 = '2001:db8::77';

const request = (serviceType: string, predicate = '', scopes: readonly string[] = ['DEFAULT']) => {
  return { kind: 'SrvRqst' as const, previousResponders: [], serviceType, scopes, predicate, spi: '' };
};

describe('SLP through the kernel', () => {
  let network: NamespacePair;

  before(() => {
    if (missing(...needs).length > 0) return;
    network = new NamespacePair('slp', '52:54:00:00:04:27');
    network.setClientAddress(client4);
    for (const [namespace, name, address] of [
      [network.server, 'server0', server6],
      [network.client, 'client0', client6],
    ] as const) {
      const args = ['-n', namespace, 'address', 'add', `${address}/64`, 'dev', name, 'nodad'];
      assert.equal(spawnSync('ip', args).status, 0);
    }
  });
  after(() => network?.[Symbol.dispose]());

  async function search(settings: object): Promise<string> {
    const all = JSON.stringify({ address: client4, initiatorName, ...settings });
    const { status, output } = await network.run(process.execPath, [searchProgram, all], 60_000);
    assert.equal(status, 0, output);
    return output;
  }

  const find = async (settings: object): Promise<SlpTarget[]> => JSON.parse(await search(settings));

  const agentAt = (side: 'server' | 'client', address: string, name: string, count: number) => {
    return network.program(side, agentProgram, { interface: `${side}0`, address, name, count });
  };
  const isReady = (message: Record<string, unknown>) => message.event === 'ready';

  /** Sends messages to an agent, and returns when each has been answered. */
  async function send(bodies: readonly SlpBody[], to: string): Promise<void> {
    const messages = bodies.map((body, index) => {
      return Buffer.from(encodeMessage({ header: slpHeader({ xid: 100 + index, languageTag: 'en' }), body })).toString(
        'hex',
      );
    });
    const script = `
      const socket = require('node:dgram').createSocket('udp4');
      let left = ${messages.length};
      socket.on('message', () => { if (--left === 0) socket.close(); });
      for (const message of ${JSON.stringify(messages)}) socket.send(Buffer.from(message, 'hex'), 427, '${to}');`;
    const { status, output } = await network.run(process.execPath, ['-e', script]);
    assert.equal(status, 0, output);
  }

  test('a directory agent is found by multicast, a hundred targets come by TCP', async (t) => {
    if (!requires(t, ...needs)) return;
    await using agent = agentAt('server', server4, 'disk', 100);
    await agent.message(isReady);
    const targets = await find({});
    assert.equal(targets.length, 100);
    const named = await find({ targetName: 'iqn.2001-04.com.example:disk-42' });
    assert.deepEqual(named, [
      {
        host: server4,
        port: 3260,
        targetName: 'iqn.2001-04.com.example:disk-42',
        url: `service:iscsi:target://${server4}:3260/iqn.2001-04.com.example:disk-42`,
        portalGroupTag: 7,
      },
    ]);
  });

  test('by IPv6: the group of the service type, in all scopes (RFC 3111 §4.1)', async (t) => {
    if (!requires(t, ...needs)) return;
    await using agent = agentAt('server', server6, 'six', 3);
    await agent.message(isReady);
    const from = { address: client6, interface: 'client0' };
    assert.deepEqual(
      (await find({ ...from, targetName: 'iqn.2001-04.com.example:six-1' })).map(({ host }) => host),
      [server6],
    );
    const answers = JSON.parse(await search({ ...from, multicast: request('service:iscsi') }));
    assert.equal(answers[0].from, server6);
    assert.equal(answers[0].body.urls.length, 3);
  });

  test('Wireshark reads all eleven messages without a complaint', async (t) => {
    if (!requires(t, ...needs, 'tshark')) return;
    const capture = await Capture.start(
      t,
      network,
      (name) => send([request('service:iscsi', `(alias=${name})`)], server4),
      async () => {
        return agentAt('server', server4, 'disk', 30);
      },
    );
    await using directory = agentAt('client', client4, 'own', 1);
    await directory.message(isReady);
    // Each registers its targets with the other.
    await capture.agent.message(({ event, agent }) => event === 'registered' && agent === client4);
    await directory.message(({ event, agent }) => event === 'registered' && agent === server4);
    await find({ targetName: 'iqn.2001-04.com.example:disk-3' });
    await search({ multicast: request('service:iscsi:target', '(iscsi-name=iqn.2001-04.com.example:disk-4)') });
    await search({ multicast: request('service:service-agent', '(service-type=service:iscsi:target)', []) });
    // Of two directory agents, whichever answers first is asked: here it is to be the one with many targets.
    await find({ agents: [server4] });
    const scopes = ['DEFAULT'];
    await send(
      [
        { kind: 'SrvTypeRqst', previousResponders: [], namingAuthority: undefined, scopes },
        {
          kind: 'AttrRqst',
          previousResponders: [],
          url: 'service:iscsi',
          scopes,
          tags: ['transports', 'portal*'],
          spi: '',
        },
        request('service:directory-agent', '', []),
      ],
      server4,
    );
    await directory[Symbol.asyncDispose]();
    const fields = await capture.stop();
    const functions = new Set(fields('srvloc', 'srvloc.function').flatMap((line) => line.split(',')));
    assert.deepEqual(
      [...functions].map(Number).toSorted((one, other) => one - other),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    );
    assert.deepEqual(
      fields('srvloc && (_ws.malformed || _ws.expert.severity == error)', 'frame.number', '_ws.expert.message'),
      [],
    );
    // All on the port is SLP, and some of it went by TCP.
    assert.deepEqual(fields('udp && !srvloc && !icmp', 'frame.number'), []);
    assert.ok(fields('tcp && srvloc', 'srvloc.function').length > 0);
    assert.ok(fields('srvloc.flags_v2.overflow == 1', 'frame.number').length > 0);
    const urls = fields(`srvloc.function == 2 && ip.src == ${server4}`, 'srvloc.url.url').join(',');
    assert.match(urls, /service:iscsi:target:\/\/192\.0\.2\.1:3260\/iqn\.2001-04\.com\.example:disk-4/);
  });
});

type Agent = ReturnType<NamespacePair['program']>;

/** What goes over the cable to and from port 427. */
class Capture {
  readonly agent: Agent;
  readonly #sniffer: ChildProcess;
  readonly #file: string;
  readonly #knock: (name: string) => Promise<void>;

  private constructor(agent: Agent, sniffer: ChildProcess, file: string, knock: (name: string) => Promise<void>) {
    this.agent = agent;
    this.#sniffer = sniffer;
    this.#file = file;
    this.#knock = knock;
  }

  /** `knock` puts a name on the cable; the agent is started when everything is seen. */
  static async start(
    t: TestContext,
    network: NamespacePair,
    knock: (name: string) => Promise<void>,
    startAgent: () => Promise<Agent>,
  ): Promise<Capture> {
    const file = join(temporaryDirectory(t), 'slp.pcap');
    const sniffer = network.spawn('server', 'tshark', ['-q', '-i', 'server0', '-f', 'port 427', '-w', file]);
    t.after(() => sniffer.kill('SIGKILL'));
    await said(sniffer, /Capturing on/);
    const agent = await startAgent();
    t.after(() => agent[Symbol.asyncDispose]());
    await agent.message(({ event }) => event === 'ready');
    const capture = new Capture(agent, sniffer, file, knock);
    await capture.#seen('first-knock');
    return capture;
  }

  async #seen(name: string): Promise<void> {
    do await this.#knock(name);
    while (!existsSync(this.#file) || !readFileSync(this.#file).includes(name));
  }

  /** Ends the agent and the capture when all is in it, and gives what reads it: wanted fields of what a filter finds. */
  async stop(): Promise<(filter: string, ...names: readonly string[]) => string[]> {
    await this.#seen('last-knock');
    this.#sniffer.kill('SIGINT');
    await once(this.#sniffer, 'close');
    return (filter, ...names) => {
      const args = ['-r', this.#file, '-Y', filter, '-T', 'fields', ...names.flatMap((name) => ['-e', name])];
      const { status, stdout, stderr } = spawnSync(findProgram('tshark') ?? 'tshark', args, { encoding: 'utf8' });
      assert.equal(status, 0, stderr);
      return stdout.split('\n').filter((line) => line !== '');
    };
  }
}
