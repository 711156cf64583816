/** The kernel's ARP tells our DHCP server whether an address is somebody's already. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { NamespacePair } from '../support/namespace-pair.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';

const holder = '52:54:00:12:34:56';
const support = (name: string) => join(import.meta.dirname, '../support', name);
/** Long enough for a slow machine, and over at the first answer. */
const PROBE = 1000;

test('an address that a machine has set by hand is found in use, also when the table remembers another holder, and given when it is free', async (t) => {
  if (!requires(t, root, networkNamespaces)) return;
  using pair = new NamespacePair('dhcp-probe', holder);
  pair.setClientAddress('192.0.2.100');
  const neighbour = ['neighbour', 'replace', '192.0.2.100', 'lladdr', '02:00:00:00:00:99', 'dev', 'server0'];
  spawnSync('ip', ['-n', pair.server, ...neighbour, 'nud', 'stale']);
  const pool = { first: '192.0.2.100', last: '192.0.2.100' };
  const settings = { interface: 'server0', address: '192.0.2.1', ...pool, leaseTime: 3600, probe: PROBE };
  await using server = pair.program('server', support('dhcp-server-program.ts'), settings);
  await server.message(({ type }) => type === 'ready');
  const asking = { interface: 'client0', hardwareAddress: '52:54:00:00:00:01', timeout: 5000 };
  await using _client = pair.program('client', support('dhcp-client-program.ts'), asking);
  const conflict = await server.message(({ type }) => type === 'conflict');
  assert.deepEqual(conflict, { type: 'conflict', address: '192.0.2.100', holder });
  await server.message(({ type }) => type === 'ignored');
  pair.setClientAddress('192.0.2.200');
  await using second = pair.program('server', support('dhcp-server-program.ts'), settings);
  await second.message(({ type }) => type === 'sent');
});
