/** Whether a machine has an address that reaches the server, so that DHCP need not be asked for one (RFC 4173 §5). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasAddress } from '../../src/boot/interface-setup.ts';
import { parseIpv4, parseIpv6, parseMac } from '../../src/bytes/index.ts';
import { parseServerName } from '../../src/iscsi/server-name.ts';
import type { NetworkInterface } from '../../src/os/network.ts';
import { SimulatedNetwork } from '../support/simulated-tcp.ts';

function networkOf(...addresses: string[]): SimulatedNetwork {
  const isIpv6 = (text: string) => text.includes(':');
  const eth0: NetworkInterface = {
    ...{ name: 'eth0', mac: parseMac('52:54:00:12:34:56'), up: true },
    ipv4: addresses.filter((each) => !isIpv6(each)).map((each) => ({ address: parseIpv4(each), prefix: 24 })),
    ipv6: addresses.filter(isIpv6).map((each) => ({ address: parseIpv6(each), prefix: 64, state: 'preferred' })),
  };
  return new (class extends SimulatedNetwork {
    override interfaces(): readonly [] {
      // The simulated network of the targets' tests has none, and says so in its type.
      return [eth0] as readonly NetworkInterface[] as readonly [];
    }
  })();
}

const [linkLocal, global, ipv4] = ['fe80::2', '2001:db8::2', '192.0.2.2'] as const;

for (const [own, server, expected] of [
  [[], '192.0.2.1', false],
  [[ipv4], '192.0.2.1', true],
  [[ipv4], '[2001:db8::1]', false],
  [[ipv4], 'boot.example.com', true],
  [[linkLocal], '[2001:db8::1]', false],
  [[linkLocal], 'boot.example.com', false],
  [[linkLocal, global], '[2001:db8::1]', true],
  [[linkLocal, global], 'boot.example.com', true],
  [[linkLocal, global], '192.0.2.1', false],
  [[linkLocal], '[fe80::1]', true],
  [[ipv4], '[fe80::1]', false],
] as const) {
  test(`with ${own.join(' and ') || 'no address'} ${server} is ${expected ? '' : 'not '}to be reached`, () => {
    assert.equal(hasAddress('eth0', networkOf(...own), parseServerName(server)), expected);
  });
}

test('a server at a link-local address is on the link of an interface that is named, and of no other', () => {
  const server = parseServerName('[fe80::1]');
  assert.equal(hasAddress(undefined, networkOf(linkLocal), server), false);
  assert.equal(hasAddress('eth1', networkOf(linkLocal), server), false);
  assert.equal(hasAddress('eth0', networkOf(linkLocal), undefined), false);
});
