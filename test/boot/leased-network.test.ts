/** What the system that is started next is told of the network. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leasedByDhcp6 } from '../../src/boot/leased-network.ts';
import { parseIpv6 } from '../../src/bytes/index.ts';

test('name servers of the link are not handed on: their zone is one of this machine', () => {
  const { nameServers } = leasedByDhcp6([parseIpv6('fe80::53'), parseIpv6('2001:db8::53'), parseIpv6('fd00::53')]);
  assert.deepEqual(nameServers, ['2001:db8::53', 'fd00::53']);
});
