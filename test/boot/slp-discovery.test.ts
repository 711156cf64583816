import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { requestByTcp } from '../../src/boot/slp-tcp-request.ts';
import { pause } from '../../src/os/clock.ts';
import { encodeMessage, slpHeader } from '../../src/slp/index.ts';
import { advertised, initiatorName, machine, SlpWorld } from '../server/slp-world.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { SimulatedNetwork, SimulatedTcp } from '../support/simulated-tcp.ts';

const one = '192.0.2.1';
const two = '192.0.2.2';
const group = '239.255.255.253';
const targetName = 'iqn.2001-04.com.example:disk';

/** What a machine asked, without repetitions. */
const asked = (world: SlpWorld) =>
  world.messages.flatMap(({ from, to, body }) => {
    return from === machine && body.kind === 'SrvRqst' ? [`${to} ${body.serviceType} ${body.predicate}`.trim()] : [];
  });

/** Makes every agent one that is no directory agent. */
function withoutDirectory(world: SlpWorld): void {
  const isAdvertisement = (data: Uint8Array) => data[1] === 8;
  world.segment.isLost = ({ data }) => isAdvertisement(data);
}

describe('finding a target by SLP (RFC 4173 §6, RFC 4018 §5.2)', () => {
  test('a directory agent is found and asked, and nobody else (RFC 2608 §6)', async () => {
    await using world = new SlpWorld();
    await world.serve(one, [advertised(one, 'disk'), advertised(one, 'other')]);
    const { targets } = await world.find({ targetName });
    assert.deepEqual(targets, [
      { host: one, port: 3260, targetName, portalGroupTag: 7, url: `service:iscsi:target://${one}:3260/${targetName}` },
    ]);
    assert.deepEqual(
      [...new Set(asked(world))],
      [`${group} service:directory-agent`, `${one} service:iscsi:target (iscsi-name=${targetName})`],
    );
  });

  test('without directory agents everybody is asked, and the first answer is enough for a name', async () => {
    await using world = new SlpWorld();
    withoutDirectory(world);
    await world.serve(one, [advertised(one, 'other')]);
    await world.serve(two, [advertised(two, 'disk')]);
    const { targets, seconds } = await world.find({ targetName });
    assert.deepEqual(
      targets.map(({ host }) => host),
      [two],
    );
    assert.ok(seconds < 5, `${seconds} s`);
  });

  test('the first search waits a random time (RFC 2608 §12.2.1)', async () => {
    await using world = new SlpWorld();
    await world.serve(one, [advertised(one, 'disk')]);
    for (const [random, seconds] of [
      [0, 0],
      [0.99, 3],
    ] as const) {
      const found = await world.find({ targetName, random: () => random });
      assert.ok(found.seconds >= seconds - 0.1 && found.seconds <= seconds + 0.5, `${found.seconds} s`);
    }
  });

  test('without a name, all that let this initiator in are found, those that it may boot from first', async () => {
    await using world = new SlpWorld();
    withoutDirectory(world);
    const other = ['iqn.2001-04.com.example:another'];
    await world.serve(one, [
      advertised(one, 'open'),
      advertised(one, 'foreign', { initiators: other, bootList: ['any'] }),
      advertised(one, 'mine', { initiators: [initiatorName], bootList: [initiatorName] }),
    ]);
    await world.serve(two, [advertised(two, 'second', { bootList: ['any'] })]);
    const { targets } = await world.find();
    const told = targets.map(({ targetName: name, host, bootable }) => [name.split(':')[1], host, bootable]);
    assert.deepEqual(told, [
      ['mine', one, true],
      ['second', two, true],
      ['open', one, false],
    ]);
    assert.ok(asked(world).includes(`${group} service:iscsi:target (|(auth-name=${initiatorName})(auth-name=any))`));
  });

  test('more than a datagram holds comes by TCP, the same request (RFC 2608 §6.1)', async () => {
    await using world = new SlpWorld();
    withoutDirectory(world);
    await world.serve(
      one,
      Array.from({ length: 100 }, (_, index) => advertised(one, `disk-${index}`)),
    );
    const { targets } = await world.find();
    assert.equal(targets.length, 100);
    assert.ok(world.segment.called.length > 0);
    const xids = world.messages.flatMap(({ header, body }) =>
      body.kind === 'SrvRply' && header.overflow ? [header.xid] : [],
    );
    assert.ok(xids.length > 0);
    assert.equal(targets.filter(({ portalGroupTag }) => portalGroupTag === 7).length, 16);
  });

  test('agents that were named are asked first, also service agents, and nothing is multicast (RFC 4018 §4.1.3)', async () => {
    await using world = new SlpWorld();
    await world.serve(one, [advertised(one, 'disk')]);
    const { targets, seconds } = await world.find({ targetName, agents: ['192.0.2.66', one] });
    assert.deepEqual(
      targets.map(({ host }) => host),
      [one],
    );
    // The first of them is silent for 15 s.
    assert.ok(seconds >= 15 && seconds < 16, `${seconds} s`);
    assert.ok(asked(world).every((line) => !line.startsWith(group)));
  });

  test('named agents that are silent: when nobody else may be asked, that is the end (RFC 2610 §3)', async () => {
    await using world = new SlpWorld();
    await world.serve(one, [advertised(one, 'disk')]);
    await assert.rejects(world.find({ targetName, agents: ['192.0.2.66'], agentsOnly: true }), {
      code: 'SLP_NO_ANSWER',
    });
    const { targets } = await world.find({ targetName, agents: ['192.0.2.66'] });
    assert.equal(targets.length, 1);
  });

  test('who is let in is nothing that a foreign directory agent knows: the service agents are asked then (RFC 4018 §6.1)', async () => {
    await using world = new SlpWorld();
    await world.serve(two, []);
    await world.serve(one, [advertised(one, 'mine', { initiators: [initiatorName] })]);
    await world.clock.pass(20_000);
    assert.equal(world.events.length, 1);
    const isOfFirst = (from: { address: string }) => from.address === one;
    world.segment.isLost = ({ from, data }) => isOfFirst(from) && data[1] === 8;
    const { targets } = await world.find();
    assert.deepEqual(
      targets.map(({ host }) => host),
      [one],
    );
    // By its name, the directory agent knows it.
    world.segment.sent.length = 0;
    const named = await world.find({ targetName: 'iqn.2001-04.com.example:mine' });
    assert.deepEqual(
      named.targets.map(({ host, portalGroupTag }) => [host, portalGroupTag]),
      [[one, 7]],
    );
    assert.ok(asked(world).every((line) => !line.includes(`${group} service:iscsi`)));
  });

  test('no attribute but the portal group is asked for: policy must not be used without IPsec (RFC 4018 §6.1)', async () => {
    await using world = new SlpWorld();
    await world.serve(one, [advertised(one, 'disk')]);
    await world.find({ targetName });
    const tags = world.messages.flatMap(({ body }) => (body.kind === 'AttrRqst' ? body.tags : []));
    assert.deepEqual([...new Set(tags)], ['portal-group']);
  });

  test('scopes: those that are given, or all that are found (RFC 2608 §11)', async () => {
    await using world = new SlpWorld();
    await world.serve(one, [advertised(one, 'disk', { scopes: ['lab'] })], { scopes: ['lab'] });
    assert.deepEqual((await world.find({ targetName, timeout: 20_000 })).targets, []);
    assert.equal((await world.find({ targetName, scopes: ['LAB'] })).targets.length, 1);
    assert.equal((await world.find({ targetName, scopes: [] })).targets.length, 1);
    withoutDirectory(world);
    assert.equal((await world.find({ targetName, scopes: [] })).targets.length, 1);
  });

  test('nobody there: nothing is found, in time', async () => {
    await using world = new SlpWorld();
    const { targets, seconds } = await world.find({ targetName });
    assert.deepEqual(targets, []);
    assert.ok(seconds <= 19, `${seconds} s`);
    const short = await world.find({ targetName, timeout: 5_000 });
    assert.ok(short.seconds <= 5.5, `${short.seconds} s`);
    assert.equal(world.segment.open, 0);
    assert.equal(world.clock.pending, 0);
  });

  test('ends at once when it is told to', async () => {
    await using world = new SlpWorld();
    const controller = new AbortController();
    const reason = new Error('enough');
    const search = world.find({ targetName, signal: controller.signal });
    setImmediate(() => controller.abort(reason));
    await assert.rejects(search, reason);
    assert.equal(world.segment.open, 0);
    assert.equal(world.clock.pending, 0);
  });

  test('of every datagram the first is lost', async () => {
    await using world = new SlpWorld();
    await world.serve(one, [advertised(one, 'disk')]);
    const seen = new Set<string>();
    world.segment.isLost = ({ from, to, data }) => {
      const what = `${from.address} ${to.address} ${Buffer.from(data).toString('hex')}`;
      return seen.size !== seen.add(what).size;
    };
    const { targets } = await world.find({ targetName });
    assert.equal(targets.length, 1);
  });
});

describe('agents that lie', () => {
  /** An agent that answers what it likes. */
  async function liar(
    world: SlpWorld,
    answer: (xid: number) => Uint8Array | undefined,
    onTcp?: Uint8Array,
  ): Promise<void> {
    const network = world.segment.host(one);
    const socket = await network.openUdp({ port: 427, groups: [group] });
    socket.start({
      message(data, from) {
        const bytes = data[1] === 1 ? answer(Buffer.from(data).readUInt16BE(10)) : undefined;
        if (bytes !== undefined) socket.send(bytes, from);
      },
      error: () => {},
    });
    if (onTcp === undefined) return;
    await network.listenTcp({ address: one, port: 427 }, (connection) => {
      connection.start({ data: () => void connection.write(onTcp), drain: () => {}, closed: () => {} });
    });
  }

  const replyOf = (xid: number, urls: readonly string[], given: { overflow?: boolean; errorCode?: number } = {}) => {
    const { overflow = false, errorCode = 0 } = given;
    const entries = urls.map((url) => ({ url, lifetime: 1, authenticationBlocks: [] }));
    return encodeMessage({
      header: slpHeader({ xid, languageTag: 'en', overflow }),
      body: { kind: 'SrvRply', errorCode, urls: entries },
    });
  };
  const agents = [one];
  const agentsOnly = true;

  test('another target than was asked for, and URLs that are none, are not taken', async () => {
    await using world = new SlpWorld();
    const urls = [
      'service:iscsi:target://192.0.2.66:3260/iqn.2001-04.com.example:evil',
      'http://192.0.2.66',
      '',
      `service:iscsi:target://:/${targetName}`,
    ];
    await liar(world, (xid) => replyOf(xid, urls));
    const { targets } = await world.find({ targetName, agents, agentsOnly });
    assert.deepEqual(targets, []);
  });

  test('a directory agent that goes down, serves other scopes, or none that can be read, keeps nobody from the next', async () => {
    const kind = 'DAAdvert' as const;
    const url = `service:directory-agent://${one}`;
    const advertisement = { kind, errorCode: 0, url, attributes: '', spis: [], authenticationBlocks: [] };
    for (const given of [
      { bootTimestamp: 0, scopes: ['DEFAULT'] },
      { bootTimestamp: 9, scopes: ['ELSEWHERE'] },
      { bootTimestamp: 9, scopes: ['\\zz'] },
    ]) {
      await using world = new SlpWorld();
      await liar(world, (xid) =>
        encodeMessage({ header: slpHeader({ xid, languageTag: 'en' }), body: { ...advertisement, ...given } }),
      );
      await world.serve(two, [advertised(two, 'disk')]);
      const { targets, seconds } = await world.find({ targetName, random: () => 0 });
      assert.equal(targets[0]?.host, two);
      assert.ok(seconds < 1, `${seconds} s`);
    }
  });

  test('64 KB of URLs are looked at up to a thousand', async () => {
    await using world = new SlpWorld();
    await liar(world, (xid) =>
      replyOf(
        xid,
        Array.from({ length: 1500 }, (_, index) => `service:iscsi:target://h/iqn.x:${index}`),
      ),
    );
    const { targets } = await world.find({ agents, agentsOnly, timeout: 30_000 });
    assert.equal(targets.length, 1000);
  });

  test('an error is told', async () => {
    await using world = new SlpWorld();
    await liar(world, (xid) => replyOf(xid, [], { errorCode: 4 }));
    await assert.rejects(world.find({ targetName, agents, agentsOnly }), {
      code: 'SLP_REFUSED',
      message: /SCOPE_NOT_SUPPORTED/,
    });
  });

  test('an answer by TCP that says it has 16 MB is not waited for', async () => {
    await using world = new SlpWorld();
    const huge = Buffer.from('0202ffffff0000000000000100026565', 'hex');
    await liar(world, (xid) => replyOf(xid, [], { overflow: true }), huge);
    await assert.rejects(world.find({ targetName, agents, agentsOnly }), { code: 'SLP_MESSAGE_TOO_LONG' });
  });

  test('one that stalls on its connection is given up after 15 s', async () => {
    await using world = new SlpWorld();
    await liar(world, (xid) => replyOf(xid, [], { overflow: true }), Buffer.from('0202', 'hex'));
    const begun = world.clock.monotonic();
    await assert.rejects(world.find({ targetName, agents, agentsOnly }), { code: 'SLP_NO_ANSWER' });
    assert.ok(world.clock.monotonic() - begun <= 16_000);
  });

  test('one that overflows and takes no connection', async () => {
    await using world = new SlpWorld();
    await liar(world, (xid) => replyOf(xid, [], { overflow: true }));
    await assert.rejects(world.find({ targetName, agents, agentsOnly }), { code: 'NETWORK_REFUSED' });
  });
});

test('a connection that is made late leaves less time for the answer on it', async () => {
  const clock = new SimulatedClock();
  const to = { address: one, port: 427 };
  class SlowNetwork extends SimulatedNetwork {
    override async connectTcp(): Promise<SimulatedTcp> {
      await pause(clock, 900);
      return SimulatedTcp.pair({ address: machine, port: 49_152 }, to)[0];
    }
  }
  const network = new SlowNetwork();
  const { signal } = new AbortController();
  const asked = requestByTcp({ network, clock, to, request: Uint8Array.of(2), timeout: 1000, signal });
  const end = asked.catch((error) => [error.code, clock.monotonic()]);
  await clock.pass(5000);
  assert.deepEqual(await end, ['SLP_NO_ANSWER', 1000]);
  assert.equal(clock.pending, 0);
});
