import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DisklessError } from '../../src/bytes/index.ts';
import { decodeMessage, duidOfMac, encodeMessage, formatDuid, MessageType, Option } from '../../src/dhcp6/index.ts';
import type { ServerEventBody } from '../../src/server/events.ts';
import { OtherDhcp6Servers } from '../../src/server/other-dhcp6-servers.ts';
import { mac, message, renew, request, serverIdentifier, TestServer } from '../dhcp6/test-server.ts';
import { SimulatedClock, settled } from '../support/simulated-clock.ts';
import { SimulatedSegment } from '../support/simulated-segment.ts';

const WINDOW = 5000;
const PAUSE = 600_000;
const AGAIN = 3_600_000;

function watch() {
  const told: ServerEventBody[] = [];
  const clock = new SimulatedClock();
  const segment = new SimulatedSegment();
  const network = segment.host('fe80::1');
  const own = [formatDuid(serverIdentifier)];
  const emit = (event: ServerEventBody) => void told.push(event);
  const place = { interface: 'eth1', mac: mac(0xfe), own, clock, emit, random: () => 0.5 };
  const make = (through = network) => new OtherDhcp6Servers({ ...place, network: through });
  return { told, clock, segment, network, make };
}

const duid = (last: number) => duidOfMac(mac(last));

/** A server with this DUID at an address of the segment. */
async function serve(
  segment: SimulatedSegment,
  address: string,
  last: number,
  server = new TestServer({ serverIdentifier: duid(last) }),
) {
  const socket = await segment.host(address).openUdp({ port: 547, groups: ['ff02::1:2'] });
  socket.start({
    message: (data, from) => {
      void server.datagram(data, from).then((reply) => reply && socket.send(reply.data, reply.to));
    },
    error: () => {},
  });
  return server;
}

test('another DHCPv6 server that a client names is told of, and again after an hour (RFC 8415 §16.4)', async () => {
  const { told, clock, make } = watch();
  const others = make();
  const server = new TestServer({ onEvent: (event) => others.observe(event) });
  const say = (asked: Parameters<typeof encodeMessage>[0]) => server.datagram(encodeMessage(asked));
  await say(request({ to: duid(0x77) }));
  await say(renew('2001:db8::99', { to: duid(0x77) }));
  const [first] = told;
  assert.equal(told.length, 1);
  assert.ok(first?.event === 'trouble' && first.code === 'DHCP_OTHER_SERVER' && first.mac === mac(1));
  const name = formatDuid(duid(0x77));
  assert.match(first.text, new RegExp(`^the DHCPv6 server ${name} gives addresses on eth1 too: .*--dhcp6 off$`));
  await say(renew('2001:db8::99', { to: duid(0x78) }));
  assert.equal(told.length, 2, 'a second server is another matter');
  clock.advance(AGAIN);
  await say(request({ to: duid(0x77) }));
  assert.equal(told.length, 3);
  await say(request());
  await say(message(MessageType.release, { to: duid(0x79), ias: [{ addresses: ['2001:db8::99'] }] }));
  assert.equal(told.length, 3, 'nobody chose that one just now');
});

test('another DHCPv6 server is found by asking, at once and later on (RFC 8415 §18.3.9)', async () => {
  const { told, clock, segment, make } = watch();
  await serve(segment, 'fe80::2', 0x77);
  {
    await using others = make();
    others.start();
    await settled();
    const [first] = told;
    assert.ok(first?.event === 'trouble' && first.code === 'DHCP_OTHER_SERVER' && first.mac === undefined);
    assert.match(first.text, /^the DHCPv6 server 00030001525400000077 at fe80::2 gives addresses on eth1 too/);
    await clock.pass(WINDOW);
    assert.equal(segment.open, 1, 'the port is free again between two questions');
    await serve(segment, 'fe80::3', 0x78);
    await clock.pass(PAUSE);
    assert.equal(told.length, 2, 'the first one is no news');
  }
  assert.equal(segment.open, 2, 'the two servers');
  assert.equal(clock.pending, 0);
});

test('a question that is lost is asked again', async () => {
  const { told, clock, segment, make } = watch();
  await serve(segment, 'fe80::2', 0x77);
  segment.isLost = () => segment.sent.length === 1;
  await using others = make();
  others.start();
  await settled();
  assert.deepEqual(told, []);
  await clock.pass(WINDOW / 2);
  assert.equal(told.length, 1);
});

test('this server’s own answer, one without an address and one to somebody else are not told of', async () => {
  const { told, clock, segment, make } = watch();
  await serve(segment, 'fe80::4', 0xfe);
  // Its pool has nothing for anybody.
  const empty = new TestServer({
    serverIdentifier: duid(0x77),
    reservations: { addressOf: () => undefined, holderOf: () => mac(9) },
  });
  await serve(segment, 'fe80::2', 0x77, empty);
  const stray = await segment.host('fe80::5').openUdp({ port: 547, groups: ['ff02::1:2'] });
  stray.start({
    message: (data, from) => {
      const { transactionId, options } = decodeMessage(data);
      const answer = { type: MessageType.advertise, transactionId, options };
      options.set(Option.serverIdentifier, duid(0x79)).set(Option.clientIdentifier, duid(0x20));
      stray.send(encodeMessage(answer), from);
      stray.send(new Uint8Array(3), from);
    },
    error: () => {},
  });
  await using others = make();
  others.start();
  await settled();
  await clock.pass(WINDOW);
  assert.equal(empty.events.filter(({ type }) => type === 'sent').length, 2, 'it was asked twice, and has answered');
  assert.deepEqual(told, []);
});

test('where the client’s port is another program’s it is said once, and the server goes on', async () => {
  const { told, clock, network, make } = watch();
  const inUse = async () => {
    throw new DisklessError('NETWORK_PORT_IN_USE', 'cannot bind');
  };
  await using others = make({ ...network, openUdp: inUse });
  others.start();
  await clock.pass(2 * PAUSE);
  assert.equal(told.length, 1);
  const [first] = told;
  assert.ok(first?.event === 'trouble' && first.code === 'NETWORK_PORT_IN_USE');
  assert.match(first.text, /^other DHCPv6 servers on eth1 are noticed only when a client chooses one: cannot bind/);
});
