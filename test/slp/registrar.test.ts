import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type Advertisement,
  attributeTable,
  type DirectoryAgent,
  decodeMessage,
  defaultTiming,
  encodeMessage,
  parseAttributeList,
  Registrar,
  type RegistrarAction,
  Registry,
  SlpAgent,
  type SlpEndpoint,
} from '../../src/slp/index.ts';

const endpoint = { address: '192.0.2.9', port: 427 };
const agent: DirectoryAgent = {
  url: 'service:directory-agent://192.0.2.9',
  endpoint,
  scopes: ['A', 'B'],
  bootTimestamp: 100,
  minimumRefreshInterval: 0,
};

function service(name: string, given: Partial<Advertisement> = {}): Advertisement {
  return {
    url: `service:iscsi:target://192.0.2.1:3260/${name}`,
    serviceType: 'service:iscsi:target',
    scopes: ['A', 'C'],
    languageTag: 'en',
    lifetime: 600,
    attributes: attributeTable(parseAttributeList(`(iscsi-name=${name}),(auth-name=secret)`)),
    ...given,
  };
}

/** A registrar, and the directory agent at the other end of its network. */
class Bench {
  now = 0;
  services: Advertisement[] = [service('one'), service('two')];
  isReachable = true;
  readonly sent: string[] = [];
  readonly events: string[] = [];
  readonly registry = new Registry({ scopes: ['A', 'B'], now: () => this.now });
  readonly registrar = new Registrar({
    scopes: ['A', 'C'],
    services: () => this.services,
    withheld: new Set(['auth-name']),
    timing: defaultTiming,
    random: () => 0.5,
  });
  readonly #directory = new SlpAgent({
    ownAddresses: [endpoint.address],
    address: endpoint.address,
    scopes: ['A', 'B'],
    services: { advertisements: () => [] },
    serviceTypes: [],
    directory: { registry: this.registry, bootTimestamp: 100 },
    withheld: new Set(),
  });

  perform(actions: readonly RegistrarAction[]): void {
    for (const action of actions) {
      if (action.type === 'event') {
        this.events.push(action.event.kind === 'refused' ? `refused ${action.event.errorCode}` : action.event.kind);
      } else if (action.type === 'send') this.#deliver(action.datagram.data, action.datagram.to, 'udp');
      else this.#deliver(action.data, action.to, 'tcp');
    }
  }

  #deliver(data: Uint8Array, to: SlpEndpoint, transport: 'udp' | 'tcp'): void {
    const { body } = decodeMessage(data);
    const url = body.kind === 'SrvReg' || body.kind === 'SrvDeReg' ? body.url.url : '';
    this.sent.push(`${this.now / 1000} ${transport} ${body.kind} ${url.split('/').at(-1)}`);
    if (!this.isReachable) return;
    const answer = this.#directory.receive(data, { address: '192.0.2.1', transport });
    if (answer !== undefined) this.perform(this.registrar.receive(answer, to, this.now));
  }

  /** Until `end` seconds. */
  pass(end: number): void {
    for (;;) {
      const { deadline } = this.registrar;
      if (deadline === undefined || deadline > end * 1000) break;
      this.now = Math.max(this.now, deadline);
      this.perform(this.registrar.poll(this.now));
    }
    this.now = end * 1000;
  }

  get registered(): string[] {
    return [...this.registry.advertisements()].map(({ url }) => url.split('/').at(-1) ?? '').toSorted();
  }
}

describe('registering with directory agents (RFC 2608 §6, §8.3, §10.6, §12.2)', () => {
  test('begins after a random wait, in the scopes that both have, without what is withheld', () => {
    const bench = new Bench();
    bench.registrar.heard(agent, 0);
    bench.pass(10);
    assert.deepEqual(bench.sent, ['2 udp SrvReg one', '2 udp SrvReg two']);
    assert.deepEqual(bench.registered, ['one', 'two']);
    assert.deepEqual(bench.events, ['registered']);
    for (const { scopes, attributes } of bench.registry.advertisements()) {
      assert.deepEqual(scopes, ['A']);
      assert.deepEqual([...attributes.keys()], ['iscsi-name']);
    }
  });

  test('agents of other scopes, and those that go down, are left alone', () => {
    const bench = new Bench();
    bench.registrar.heard({ ...agent, scopes: ['B'] }, 0);
    bench.registrar.heard(agent, 0);
    bench.registrar.heard({ ...agent, bootTimestamp: 0 }, 0);
    bench.pass(10);
    assert.deepEqual(bench.sent, []);
  });

  test('is renewed before its lifetime is over, and follows what there is', () => {
    const bench = new Bench();
    bench.registrar.heard(agent, 0);
    bench.pass(10);
    bench.services = [service('two'), service('three')];
    bench.pass(100);
    assert.deepEqual(bench.registered, ['three', 'two']);
    bench.sent.length = 0;
    bench.services = [
      service('two'),
      service('three', { attributes: attributeTable(parseAttributeList('(iscsi-name=3)')) }),
    ];
    bench.pass(150);
    assert.deepEqual(
      bench.sent.map((line) => line.split(' ').slice(1).join(' ')),
      ['udp SrvReg three'],
    );
    bench.pass(3600);
    assert.deepEqual(bench.registered, ['three', 'two']);
    const often = bench.sent.filter((line) => line.endsWith('two'));
    assert.ok(often.length >= 6 && often.length <= 9, often.join('\n'));
  });

  test('is not renewed more often than the agent allows (§8.5)', () => {
    const bench = new Bench();
    bench.registrar.heard({ ...agent, minimumRefreshInterval: 500_000 }, 0);
    bench.pass(10);
    bench.sent.length = 0;
    bench.pass(465);
    assert.deepEqual(bench.sent, []);
  });

  test('is done anew with an agent that has lost everything, and only then', () => {
    const bench = new Bench();
    bench.registrar.heard(agent, 0);
    bench.pass(10);
    bench.sent.length = 0;
    bench.registrar.heard(agent, 10_000);
    bench.pass(20);
    assert.deepEqual(bench.sent, []);
    bench.registrar.heard({ ...agent, bootTimestamp: 200 }, 20_000);
    bench.pass(30);
    assert.equal(bench.sent.length, 2);
  });

  test('is repeated to an agent that is silent, and given up with it (§12.3)', () => {
    const bench = new Bench();
    bench.isReachable = false;
    bench.registrar.heard(agent, 0);
    bench.pass(60);
    assert.deepEqual(
      bench.sent.map((line) => line.split(' ')[0]),
      ['2', '4', '8', '16'],
    );
    assert.deepEqual(bench.events, ['lost']);
    assert.equal(bench.registrar.deadline, undefined);
    bench.isReachable = true;
    bench.registrar.heard(agent, 60_000);
    bench.pass(70);
    assert.deepEqual(bench.registered, ['one', 'two']);
  });

  test('goes by TCP when it is too long for a datagram (§6.2)', () => {
    const bench = new Bench();
    bench.services = [
      service('long', { attributes: attributeTable(parseAttributeList(`(alias=${'x'.repeat(2000)})`)) }),
    ];
    bench.registrar.heard(agent, 0);
    bench.pass(10);
    assert.deepEqual(bench.sent, ['2 tcp SrvReg long']);
    assert.deepEqual(bench.registered, ['long']);
  });

  test('what is refused is told', () => {
    const bench = new Bench();
    bench.services = [service('bad', { attributes: attributeTable(parseAttributeList('(x=1),(x=a)')) })];
    bench.registrar.heard(agent, 0);
    bench.pass(10);
    assert.deepEqual(bench.events, ['refused 3']);
  });

  test('is taken back at the end', () => {
    const bench = new Bench();
    bench.registrar.heard(agent, 0);
    bench.pass(10);
    assert.ok(!bench.registrar.isIdle);
    bench.perform(bench.registrar.withdraw(bench.now));
    bench.pass(11);
    assert.deepEqual(bench.registered, []);
    assert.ok(bench.registrar.isIdle);
    bench.registrar.heard({ ...agent, bootTimestamp: 300 }, bench.now);
    bench.pass(30);
    assert.deepEqual(bench.registered, []);
  });

  test('an acknowledgement of somebody else is none', () => {
    const bench = new Bench();
    bench.isReachable = false;
    bench.registrar.heard(agent, 0);
    bench.pass(3);
    const forged = encodeMessage({
      header: { xid: 1, languageTag: 'en', overflow: false, fresh: false, requestMulticast: false, extensions: [] },
      body: { kind: 'SrvAck', errorCode: 0 },
    });
    assert.deepEqual(bench.registrar.receive(forged, endpoint, bench.now), []);
    assert.deepEqual(bench.registrar.receive(forged, { ...endpoint, address: '192.0.2.66' }, bench.now), []);
  });
});
