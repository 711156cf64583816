/** Our DHCPv6 client against the servers of Debian. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type Dhcp6ServerName, Dhcp6ServerProcess, rootPath } from '../support/dhcp6-servers.ts';
import { Ipv6Pair } from '../support/ipv6-pair.ts';
import type { RunningProgram } from '../support/namespace-pair.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';

const hardwareAddress = '52:54:00:12:34:56';
const program = join(import.meta.dirname, '../support/dhcp6-client-program.ts');

function start(pair: Ipv6Pair, settings: object): RunningProgram {
  const common = { interface: 'client0', hardwareAddress, mode: 'stateful', longestDelay: 0 };
  return pair.program('client', program, { ...common, ...settings });
}

const names: readonly Dhcp6ServerName[] = ['dnsmasq', 'kea-dhcp6', 'dhcpd'];

for (const name of names) {
  describe(`with ${name}`, () => {
    test('our client gets an address and the Root Path, and gives the address back', async (t) => {
      if (!requires(t, name, 'ip', root, networkNamespaces)) return;
      using pair = new Ipv6Pair('d6-lease', hardwareAddress);
      await using _ = await Dhcp6ServerProcess.start(t, pair, name);
      await using client = start(pair, { afterwards: 'release' });
      const bound = await client.message(({ type }) => type === 'bound');
      assert.match(String(bound.addresses), /^2001:db8::1[0-9a-f]{2}$/);
      assert.equal(bound.url, rootPath);
      assert.deepEqual(bound.dns, ['2001:db8::1']);
      await client.message(({ type }) => type === 'released');
      assert.deepEqual(sent(client), ['SOLICIT', 'REQUEST', 'RELEASE']);
    });

    test('our client learns the Root Path without an address', async (t) => {
      if (!requires(t, name, 'ip', root, networkNamespaces)) return;
      using pair = new Ipv6Pair('d6-inform', hardwareAddress);
      await using _ = await Dhcp6ServerProcess.start(t, pair, name);
      await using client = start(pair, { mode: 'stateless' });
      const informed = await client.message(({ type }) => type === 'informed');
      assert.equal(informed.url, rootPath);
    });

    test('our client declines an address and gets another one', async (t) => {
      if (!requires(t, name, 'ip', root, networkNamespaces)) return;
      using pair = new Ipv6Pair('d6-decline', hardwareAddress);
      await using _ = await Dhcp6ServerProcess.start(t, pair, name);
      await using client = start(pair, { afterwards: 'decline' });
      const first = await client.message(({ type }) => type === 'bound');
      const declined = await client.message(({ type }) => type === 'declined');
      const after = client.messages.indexOf(declined);
      const second = await client.message(({ type }) => type === 'bound', after);
      assert.notDeepEqual(second.addresses, first.addresses);
    });

    test('our client has its address confirmed', async (t) => {
      if (!requires(t, name, 'ip', root, networkNamespaces)) return;
      using pair = new Ipv6Pair('d6-confirm', hardwareAddress);
      await using _ = await Dhcp6ServerProcess.start(t, pair, name);
      await using client = start(pair, { afterwards: 'confirm' });
      const confirmed = await client.message(({ reason }) => reason === 'confirmed the earlier address');
      assert.match(String(confirmed.addresses), /^2001:db8::1[0-9a-f]{2}$/);
      assert.deepEqual(sent(client), ['SOLICIT', 'REQUEST', 'CONFIRM']);
    });
  });
}

for (const name of ['kea-dhcp6', 'dhcpd'] as const) {
  test(`our client gets an address from ${name} in two messages`, async (t) => {
    if (!requires(t, name, 'ip', root, networkNamespaces)) return;
    using pair = new Ipv6Pair('d6-rapid', hardwareAddress);
    await using _ = await Dhcp6ServerProcess.start(t, pair, name);
    await using client = start(pair, { rapidCommit: true });
    const bound = await client.message(({ type }) => type === 'bound');
    assert.equal(bound.url, rootPath);
    assert.deepEqual(sent(client), ['SOLICIT']);
  });

  test(`our client renews with ${name}`, async (t) => {
    if (!requires(t, name, 'ip', root, networkNamespaces)) return;
    using pair = new Ipv6Pair('d6-renew', hardwareAddress);
    await using _ = await Dhcp6ServerProcess.start(t, pair, name);
    await using client = start(pair, {});
    const bound = await client.message(({ type }) => type === 'bound');
    const renewed = await client.message(({ type }) => type === 'renewed');
    assert.deepEqual(renewed.addresses, bound.addresses);
    assert.deepEqual(sent(client), ['SOLICIT', 'REQUEST', 'RENEW']);
  });
}

test('where nobody serves, our client gives up with one clear error', async (t) => {
  if (!requires(t, 'ip', root, networkNamespaces)) return;
  using pair = new Ipv6Pair('d6-nobody', hardwareAddress);
  await using client = start(pair, { timeout: 500 });
  const failed = await client.message(({ type }) => type === 'failed');
  assert.equal(failed.code, 'DHCP6_NO_ANSWER');
});

function sent(client: RunningProgram): (string | undefined)[] {
  const messages = client.messages.filter(({ type }) => type === 'send');
  return messages.map(({ summary }) => String(summary).split(',')[0]);
}
