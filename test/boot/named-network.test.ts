/** How a machine that boots over one interface finds hosts. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NamedNetwork } from '../../src/boot/named-network.ts';
import { SimulatedNetwork } from '../support/simulated-tcp.ts';

test('link-local addresses are of the interface: those of name servers, and those that they give', async () => {
  const asked: unknown[] = [];
  class Names extends SimulatedNetwork {
    override async resolve(host: string, nameServers?: readonly string[]) {
      asked.push([host, nameServers]);
      return ['192.0.2.1', 'fe80::1', '2001:db8::1'];
    }
  }
  const nameServers = ['2001:db8::53', 'fe80::53', '192.0.2.53'];
  const named = new NamedNetwork(new Names(), { nameServers, family: 'ipv6', interface: 'eth1' });
  assert.deepEqual(await named.resolve('boot.example.com'), ['fe80::1%eth1', '2001:db8::1', '192.0.2.1']);
  await new NamedNetwork(new Names(), { interface: 'eth1' }).resolve('boot.example.com');
  assert.deepEqual(asked, [
    ['boot.example.com', ['2001:db8::53', 'fe80::53%eth1', '192.0.2.53']],
    ['boot.example.com', undefined],
  ]);
});
