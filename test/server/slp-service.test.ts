import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ipv6Place } from '../../src/server/slp-place.ts';
import { decodeMessage, encodeMessage, type SlpBody, slpHeader } from '../../src/slp/index.ts';
import { settled } from '../support/simulated-clock.ts';
import { advertised, machine, SlpWorld } from './slp-world.ts';

const one = '192.0.2.1';
const two = '192.0.2.2';
const group = '239.255.255.253';

const search = (serviceType: string): SlpBody => {
  return { kind: 'SrvRqst', previousResponders: [], serviceType, scopes: ['DEFAULT'], predicate: '', spi: '' };
};

describe('SLP on an interface', () => {
  test('tells all of itself as a directory agent when it starts, every three hours, and when it goes (RFC 2608 §12.2.2)', async () => {
    await using world = new SlpWorld();
    const service = await world.serve(one, []);
    const told = () =>
      world.messages.flatMap(({ header, body }) =>
        body.kind === 'DAAdvert' ? [[header.xid, body.bootTimestamp]] : [],
      );
    const started = Math.floor(world.clock.now() / 1000);
    assert.deepEqual(told(), [[0, started]]);
    await world.clock.pass(3 * 3_600_000);
    assert.deepEqual(told(), [
      [0, started],
      [0, started],
    ]);
    await world.end(service);
    assert.deepEqual(told().at(-1), [0, 0]);
    assert.equal(world.segment.open, 0);
    assert.equal(world.clock.pending, 0);
  });

  test('looks for other directory agents after a random wait, and every 15 minutes (§12.2.1)', async () => {
    await using world = new SlpWorld();
    await world.serve(one, []);
    const searches = () => world.messages.filter(({ body }) => body.kind === 'SrvRqst');
    await world.clock.pass(1_400);
    assert.equal(searches().length, 0);
    await world.clock.pass(30_000);
    const first = searches();
    assert.equal(first.length, 4);
    assert.ok(
      first.every(({ to, header, body }) => {
        return (
          to === group &&
          header.requestMulticast &&
          body.kind === 'SrvRqst' &&
          body.serviceType === 'service:directory-agent'
        );
      }),
    );
    await world.clock.pass(900_000);
    assert.equal(searches().length, 8);
  });

  test('registers its targets with another that it finds, without what is policy, and takes them back (RFC 4018 §4.1, §6.1)', async () => {
    await using world = new SlpWorld();
    const first = await world.serve(one, [advertised(one, 'a'), advertised(one, 'b')]);
    await world.serve(two, []);
    await world.clock.pass(20_000);
    assert.deepEqual(
      world.events.map(({ kind, agent }) => [kind, agent.endpoint.address]),
      [['registered', two]],
    );
    const registrations = world.messages.flatMap(({ body, from }) =>
      body.kind === 'SrvReg' && from === one ? [body] : [],
    );
    assert.equal(registrations.length, 2);
    assert.equal(
      registrations[0]?.attributes,
      '(iscsi-name=iqn.2001-04.com.example:a),(portal-group=7),(transports=tcp)',
    );
    await world.end(first);
    const taken = world.messages.flatMap(({ body }) => (body.kind === 'SrvDeReg' ? [body.url.url] : []));
    assert.deepEqual(taken, [advertised(one, 'a').url, advertised(one, 'b').url]);
  });

  test('registers with a directory agent that it was given, which no multicast reaches (RFC 2608 §12)', async () => {
    await using world = new SlpWorld();
    world.segment.isLost = ({ to }) => to.address === group;
    await world.serve(two, []);
    await world.serve(one, [advertised(one, 'a')], { directoryAgents: [two] });
    await world.clock.pass(20_000);
    assert.deepEqual(
      world.events.map(({ kind, agent }) => [kind, agent.endpoint.address]),
      [['registered', two]],
    );
  });

  test('ends within two seconds although another directory agent has fallen silent', async () => {
    await using world = new SlpWorld();
    const first = await world.serve(one, [advertised(one, 'a')]);
    await world.serve(two, []);
    await world.clock.pass(20_000);
    world.segment.isLost = ({ from }) => from.address === two;
    const begun = world.clock.monotonic();
    await world.end(first);
    assert.ok(world.clock.monotonic() - begun <= 2_500);
  });

  test('answers on connections: several requests on one, cut anywhere, until nothing comes for five minutes (§6.2)', async () => {
    await using world = new SlpWorld();
    await world.serve(
      one,
      Array.from({ length: 100 }, (_, index) => advertised(one, `disk-${index}`)),
    );
    const connection = await world.segment.host(machine).connectTcp({ address: one, port: 427 }, { timeout: 1000 });
    const answers: Uint8Array[] = [];
    let isClosed = false;
    connection.start({
      data: (chunk) => answers.push(chunk),
      drain: () => {},
      closed: () => {
        isClosed = true;
      },
    });
    const requests = [1, 2].map((xid) =>
      encodeMessage({ header: slpHeader({ xid, languageTag: 'en' }), body: search('service:iscsi') }),
    );
    for (const byte of Buffer.concat(requests)) connection.write(Uint8Array.of(byte));
    await settled();
    const all = Buffer.concat(answers);
    const first = decodeMessage(all);
    assert.equal(first.body.kind === 'SrvRply' && first.body.urls.length, 100);
    assert.equal(first.header.overflow, false);
    const length = all.readUIntBE(2, 3);
    assert.equal(decodeMessage(all.subarray(length)).header.xid, 2);
    await world.clock.pass(299_000);
    assert.ok(!isClosed);
    await world.clock.pass(2_000);
    assert.ok(isClosed);
  });

  test('has room for 64 connections: a new one takes the place of the one that was idle for the longest', async () => {
    await using world = new SlpWorld();
    await world.serve(one, []);
    const closed: number[] = [];
    for (let number = 0; number < 66; number++) {
      const connection = await world.segment.host(machine).connectTcp({ address: one, port: 427 }, { timeout: 1000 });
      connection.start({ data: () => {}, drain: () => {}, closed: () => closed.push(number) });
      await settled();
    }
    assert.deepEqual(closed, [0, 1]);
  });

  test('ends a connection that does not speak SLP, after saying which version it does not speak', async () => {
    await using world = new SlpWorld();
    await world.serve(one, []);
    for (const [bytes, hasAnswer] of [
      [Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), false],
      [Buffer.from('0101000020000000000000010002656e0000000000000000000000000000', 'hex'), true],
    ] as const) {
      const connection = await world.segment.host(machine).connectTcp({ address: one, port: 427 }, { timeout: 1000 });
      let answered = false;
      let isClosed = false;
      connection.start({
        data: () => {
          answered = true;
        },
        drain: () => {},
        closed: () => {
          isClosed = true;
        },
      });
      connection.write(bytes);
      await settled();
      assert.deepEqual([answered, isClosed], [hasAnswer, true]);
    }
  });
});

test('by IPv6 it hears the groups of its types, in the scopes that its address reaches (RFC 3111 §4.2.1)', () => {
  const onLink = ipv6Place('eth0', 'fe80::1', ['service:iscsi:target']);
  assert.deepEqual(
    onLink.socket.groups?.filter((name) => name.startsWith('ff02')),
    ['ff02::123', 'ff02::116', 'ff02::1:13e7', 'ff02::1:1246', 'ff02::1:11d8'],
  );
  assert.ok(onLink.socket.groups?.every((name) => /^ff0[12]:/.test(name)));
  const everywhere = ipv6Place('eth0', '2001:db8::1', ['service:iscsi:target']);
  assert.equal(everywhere.socket.groups?.length, 25);
  assert.deepEqual(
    everywhere.directoryAgentGroups.map(({ address }) => address),
    [1, 2, 3, 4, 5].map((scope) => `ff0${scope}::123`),
  );
});
