import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MessageType, Option } from '../../src/dhcp/index.ts';
import type { ServerEventBody } from '../../src/server/events.ts';
import { OtherServers } from '../../src/server/other-servers.ts';
import { ip, mac, request, select, TestServer } from '../dhcp/support.ts';

test('another server that a client chooses is told of, and again after an hour (RFC 2131 §3.1)', async () => {
  const told: ServerEventBody[] = [];
  const others = new OtherServers('eth1', (event) => told.push(event));
  const server = new TestServer({ onEvent: (event) => others.observe(event, server.now) });
  const choose = (other: string, from = mac(1)) => server.ask(select(ip('192.0.2.10'), from, ip(other)));
  await choose('192.0.2.77');
  await choose('192.0.2.77', mac(2));
  const [first] = told;
  assert.equal(told.length, 1);
  assert.ok(first?.event === 'trouble' && first.code === 'DHCP_OTHER_SERVER' && first.mac === mac(1));
  assert.match(first.text, /192\.0\.2\.77 gives addresses on eth1/);
  await choose('192.0.2.78');
  assert.equal(told.length, 2, 'a second server is another matter');
  server.now += 3_600_000;
  await choose('192.0.2.77');
  assert.equal(told.length, 3);
  await server.ask(select(ip('192.0.2.10')));
  await server.ask(
    request({ type: MessageType.release, options: (list) => list.set(Option.serverIdentifier, ip('192.0.2.79')) }),
  );
  assert.equal(told.length, 3, 'nobody chose that one just now');
});

test('no more servers are remembered than a network can have', async () => {
  const told: ServerEventBody[] = [];
  const others = new OtherServers('eth1', (event) => told.push(event));
  const server = new TestServer({ onEvent: (event) => others.observe(event, server.now) });
  for (let last = 1; last <= 60; last++) await server.ask(select(ip('192.0.2.10'), mac(1), ip(`198.51.100.${last}`)));
  assert.equal(told.length, 32);
});
