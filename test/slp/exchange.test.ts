import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  configureSlp,
  decodeMessage,
  defaultTiming,
  directoryAgentOf,
  encodeMessage,
  IPV4_GROUP,
  MulticastExchange,
  type MulticastOptions,
  type ServiceReply,
  type ServiceRequest,
  type SlpDatagram,
  type SlpHeader,
  slpHeader,
  UnicastExchange,
} from '../../src/slp/index.ts';
import { targetUrl } from './messages.ts';

const body: ServiceRequest = {
  kind: 'SrvRqst',
  previousResponders: [],
  serviceType: 'service:iscsi:target',
  scopes: ['DEFAULT'],
  predicate: '',
  spi: '',
};
const agent = { address: '192.0.2.1', port: 427 };
const timing = defaultTiming;

function reply(
  xid: number,
  urls: readonly string[] = [targetUrl],
  given: Partial<SlpHeader> = {},
  errorCode = 0,
): Uint8Array {
  const entries = urls.map((url) => ({ url, lifetime: 60, authenticationBlocks: [] }));
  const answer: ServiceReply = { kind: 'SrvRply', errorCode, urls: entries };
  return encodeMessage({ header: slpHeader({ xid, languageTag: 'en', ...given }), body: answer });
}

describe('a unicast request (RFC 2608 §6.3, §12.3)', () => {
  const exchangeOf = (request = body) =>
    new UnicastExchange({ header: slpHeader({ xid: 5, languageTag: 'en' }), body: request }, agent, timing);

  /** When what is sent, until it is over. */
  function sendTimes(exchange: UnicastExchange): number[] {
    const times = exchange.start(1000).map(() => 0);
    for (let now = exchange.deadline; now !== undefined; now = exchange.deadline) {
      for (const _ of exchange.poll(now)) times.push(now - 1000);
    }
    return times;
  }

  test('is repeated after 2 s, and each time after twice as long, for 15 s', () => {
    const exchange = exchangeOf();
    assert.deepEqual(sendTimes(exchange), [0, 2000, 6000, 14_000]);
    assert.deepEqual(exchange.outcome, { kind: 'silence' });
  });

  test('is over with the answer: of the agent that was asked, with the same XID, and one that can be read', () => {
    const exchange = exchangeOf();
    exchange.start(0);
    exchange.receive(reply(6), agent);
    exchange.receive(reply(5), { ...agent, address: '192.0.2.66' });
    exchange.receive(Buffer.from('nonsense'), agent);
    exchange.receive(reply(5, [], { extensions: [{ id: 0x4001, data: new Uint8Array() }] }), agent);
    exchange.receive(encodeMessage({ header: slpHeader({ xid: 5, languageTag: 'en' }), body }), agent);
    assert.ok(!exchange.isOver);
    exchange.receive(reply(5), agent);
    assert.equal(exchange.outcome?.kind, 'answer');
    assert.equal(exchange.deadline, undefined);
  });

  test('goes by TCP, with the same XID, when its answer overflows or it is too long itself (§6.1)', () => {
    const exchange = exchangeOf();
    exchange.start(0);
    exchange.receive(reply(5, [], { overflow: true }), agent);
    assert.equal(exchange.outcome?.kind, 'too-long');
    assert.equal(decodeMessage(exchange.bytes).header.xid, 5);
    exchange.receiveByTcp(reply(5));
    assert.equal(exchange.outcome?.kind, 'answer');
    const long = exchangeOf({ ...body, predicate: `(a=${'x'.repeat(1500)})` });
    assert.deepEqual(long.start(0), []);
    assert.deepEqual(long.outcome, { kind: 'too-long' });
  });
});

describe('a multicast request (RFC 2608 §6.3, §8.1)', () => {
  const group = { address: IPV4_GROUP, port: 427 };
  const exchangeOf = (options: Partial<MulticastOptions> = {}) =>
    new MulticastExchange({ xid: 5, languageTag: 'en', body }, { to: [group], timing, ...options });
  const responders = (datagram: SlpDatagram | undefined) => {
    const message = decodeMessage(datagram?.data ?? new Uint8Array());
    assert.ok(message.header.requestMulticast);
    assert.equal(message.header.xid, 5);
    return message.body.kind === 'SrvRqst' ? message.body.previousResponders : undefined;
  };

  test('is repeated with those that have answered, until nobody else does', () => {
    const exchange = exchangeOf();
    assert.deepEqual(exchange.start(0).map(responders), [[]]);
    exchange.receive(reply(5), { address: '192.0.2.1', port: 427 });
    exchange.receive(reply(5), { address: '192.0.2.1', port: 427 });
    exchange.receive(reply(9), { address: '192.0.2.3', port: 427 });
    assert.deepEqual(exchange.poll(1999), []);
    assert.deepEqual(exchange.poll(2000).map(responders), [['192.0.2.1']]);
    exchange.receive(reply(5), { address: '192.0.2.2', port: 427 });
    assert.deepEqual(exchange.poll(6000).map(responders), [['192.0.2.1', '192.0.2.2']]);
    assert.equal(exchange.deadline, 14_000);
    assert.deepEqual(exchange.poll(14_000), []);
    assert.ok(exchange.isOver);
    assert.deepEqual(
      exchange.answers.map(({ from }) => from.address),
      ['192.0.2.1', '192.0.2.2'],
    );
  });

  test('is given up after 15 s when nobody answers', () => {
    const exchange = exchangeOf();
    const times = [0];
    exchange.start(0);
    for (let now = exchange.deadline; now !== undefined; now = exchange.deadline) {
      for (const _ of exchange.poll(now)) times.push(now);
    }
    assert.deepEqual(times, [0, 2000, 6000, 14_000]);
    assert.deepEqual(exchange.answers, []);
  });

  test('may end with the first answer that is enough (§6.3)', () => {
    const exchange = exchangeOf({ isEnough: ({ from }) => from.address === '192.0.2.2' });
    exchange.start(0);
    exchange.receive(reply(5), { address: '192.0.2.1', port: 427 });
    assert.ok(!exchange.isOver);
    exchange.receive(reply(5), { address: '192.0.2.2', port: 427 });
    assert.ok(exchange.isOver);
  });

  test('ends when the list of those that have answered does not fit any more, and hears no more than it keeps', () => {
    const exchange = exchangeOf({ mostAnswers: 1000 });
    exchange.start(0);
    for (let number = 0; number < 200; number++)
      exchange.receive(reply(5), { address: `198.51.100.${number}`, port: 427 });
    assert.deepEqual(exchange.poll(2000), []);
    assert.ok(exchange.isOver);
    const few = exchangeOf({ mostAnswers: 2 });
    few.start(0);
    for (let number = 0; number < 5; number++) few.receive(reply(5), { address: `198.51.100.${number}`, port: 427 });
    assert.equal(few.answers.length, 2);
  });
});

describe('directory agents (RFC 2608 §8.5)', () => {
  const advertisement = {
    kind: 'DAAdvert' as const,
    errorCode: 0,
    bootTimestamp: 9,
    url: 'service:directory-agent://192.0.2.5',
    scopes: ['DEFAULT'],
    attributes: '(min-refresh-interval=30)',
    spis: [],
    authenticationBlocks: [],
  };
  const from = { address: '192.0.2.6', port: 427 };

  test('are where their URL says', () => {
    assert.deepEqual(directoryAgentOf(advertisement, from), {
      url: advertisement.url,
      endpoint: { address: '192.0.2.5', port: 427 },
      scopes: ['DEFAULT'],
      bootTimestamp: 9,
      minimumRefreshInterval: 30_000,
    });
    const at = (url: string) => directoryAgentOf({ ...advertisement, url }, from)?.endpoint.address;
    assert.equal(at('service:directory-agent://[fec0::5]'), 'fec0::5');
    assert.equal(at('service:directory-agent://foobawooba.org'), '192.0.2.6');
  });

  test('are none without scopes, with an error, or of another type', () => {
    assert.equal(directoryAgentOf({ ...advertisement, scopes: [] }, from), undefined);
    assert.equal(directoryAgentOf({ ...advertisement, errorCode: 4 }, from), undefined);
    assert.equal(directoryAgentOf({ ...advertisement, url: 'service:x://192.0.2.5' }, from), undefined);
    assert.equal(directoryAgentOf({ ...advertisement, attributes: '((' }, from)?.minimumRefreshInterval, 0);
  });
});

describe('configuration by DHCP and user (RFC 2608 §6, RFC 2610)', () => {
  test('nobody says anything: the default scope, and agents are looked for', () => {
    assert.deepEqual(configureSlp({}, {}), { scopes: ['DEFAULT'], directoryAgents: [], mayDiscover: true });
  });

  test('DHCP’s agents come first, and when mandatory no other is looked for', () => {
    const directoryAgents = { mandatory: true, addresses: ['192.0.2.5'] };
    const user = { directoryAgents: ['192.0.2.6', '192.0.2.5'] };
    const configuration = configureSlp({ directoryAgents }, user);
    assert.deepEqual(configuration.directoryAgents, ['192.0.2.5', '192.0.2.6']);
    assert.equal(configuration.mayDiscover, false);
  });

  test('DHCP’s scopes override the user’s when mandatory, and may be left to choose', () => {
    const scopes = (mandatory: boolean, ...names: readonly string[]) => ({ scopes: { mandatory, scopes: names } });
    assert.deepEqual(configureSlp(scopes(false, 'A'), { scopes: ['B'] }).scopes, ['B']);
    assert.deepEqual(configureSlp(scopes(false, 'A'), {}).scopes, ['A']);
    assert.deepEqual(configureSlp(scopes(true, 'A'), { scopes: ['B'] }).scopes, ['A']);
    assert.deepEqual(configureSlp(scopes(true), {}).scopes, []);
  });
});
