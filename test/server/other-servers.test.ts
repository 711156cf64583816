import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DisklessError } from '../../src/bytes/index.ts';
import { type DhcpMessage, dhcpMessage, encodeMessage, MessageType, Option, OptionList } from '../../src/dhcp/index.ts';
import type { Network, UdpOptions } from '../../src/os/network.ts';
import type { ServerEventBody } from '../../src/server/events.ts';
import { OtherDhcpServers } from '../../src/server/other-dhcp-servers.ts';
import { ip, mac, request, select, serverIdentifier, TestServer } from '../dhcp/support.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { SimulatedSegment } from '../support/simulated-segment.ts';

function watch() {
  const told: ServerEventBody[] = [];
  const clock = new SimulatedClock();
  const own = [serverIdentifier];
  const others = new OtherDhcpServers({ interface: 'eth1', own, clock, emit: (event) => told.push(event) });
  const server = new TestServer({ onEvent: (event) => others.observe(event) });
  return { told, clock, others, server };
}

/** What another server broadcasts to a client. */
function reply(fields: Partial<DhcpMessage> & { readonly type?: number; readonly server?: string }): Uint8Array {
  const { type = MessageType.offer, server = '192.0.2.77', ...rest } = fields;
  const options = new OptionList().set(Option.messageType, type).set(Option.serverIdentifier, ip(server));
  return encodeMessage(dhcpMessage({ op: 2, chaddr: request({}).chaddr, yiaddr: ip('192.0.2.10'), options, ...rest }));
}

test('another server that a client chooses is told of, and again after an hour (RFC 2131 §3.1)', async () => {
  const { told, clock, server } = watch();
  const choose = (other: string, from = mac(1)) => server.ask(select(ip('192.0.2.10'), from, ip(other)));
  await choose('192.0.2.77');
  await choose('192.0.2.77', mac(2));
  const [first] = told;
  assert.equal(told.length, 1);
  assert.ok(first?.event === 'trouble' && first.code === 'DHCP_OTHER_SERVER' && first.mac === mac(1));
  assert.match(first.text, /192\.0\.2\.77 gives addresses on eth1/);
  await choose('192.0.2.78');
  assert.equal(told.length, 2, 'a second server is another matter');
  clock.advance(3_600_000);
  await choose('192.0.2.77');
  assert.equal(told.length, 3);
  await server.ask(select(ip('192.0.2.10')));
  await server.ask(
    request({ type: MessageType.release, options: (list) => list.set(Option.serverIdentifier, ip('192.0.2.79')) }),
  );
  assert.equal(told.length, 3, 'nobody chose that one just now');
});

test('no more servers are remembered than a network can have', async () => {
  const { told, server } = watch();
  for (let last = 1; last <= 60; last++) await server.ask(select(ip('192.0.2.10'), mac(1), ip(`198.51.100.${last}`)));
  assert.equal(told.length, 32);
});

test('another server that answers a client is told of once, whatever the client does', async () => {
  const { told, others, server } = watch();
  others.hear(reply({ type: MessageType.offer }));
  others.hear(reply({ type: MessageType.ack }));
  await server.ask(select(ip('192.0.2.10'), mac(1), ip('192.0.2.77')));
  assert.equal(told.length, 1);
  assert.ok(told[0]?.event === 'trouble' && told[0].mac === mac(1));
  others.hear(reply({ type: MessageType.ack, server: '192.0.2.78' }));
  assert.equal(told.length, 2);
});

test('what gives no address, is this server’s own or no answer at all is not told of', () => {
  const { told, others } = watch();
  others.hear(reply({ yiaddr: ip('0.0.0.0') }));
  others.hear(reply({ type: MessageType.nak }));
  others.hear(reply({ op: 1 }));
  others.hear(reply({ server: serverIdentifier }));
  others.hear(reply({}).subarray(0, 239));
  others.hear(new Uint8Array(0));
  assert.deepEqual(told, []);
});

test('only broadcasts are listened to, and none that this machine sends', async () => {
  const { told, others } = watch();
  const network = new SimulatedSegment().host('192.0.2.1');
  let asked: UdpOptions | undefined;
  const noting: Network = {
    ...network,
    openUdp: (options) => {
      asked = options;
      return network.openUdp(options);
    },
  };
  const socket = await others.listen(noting);
  const where = { interface: 'eth1', address: '255.255.255.255', port: 68, reuseAddress: true };
  assert.deepEqual(asked, { ...where, notFrom: [serverIdentifier] });
  await socket?.[Symbol.asyncDispose]();
  const openUdp = async () => {
    throw new DisklessError('NETWORK_PORT_IN_USE', 'cannot bind');
  };
  assert.equal(await others.listen({ ...network, openUdp }), undefined, 'the server goes on without');
  assert.ok(told[0]?.event === 'trouble' && told[0].code === 'NETWORK_PORT_IN_USE');
});
