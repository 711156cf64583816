/** The DHCPv6 clients and relay agents of Debian against our server. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { dhclient6Flags, noted, notingHook } from '../support/dhclient6.ts';
import { Ipv6Pair } from '../support/ipv6-pair.ts';
import { end, type RunningProgram, said } from '../support/namespace-pair.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const mac = '52:54:00:12:34:56';
const bootFileUrl = 'iscsi:[2001:db8::1]::::iqn.2024-01.com.example:disk';
const lent = /^2001:db8::1:[0-9a-f]{1,4}$/;

async function startServer(pair: Ipv6Pair, changes: object = {}): Promise<RunningProgram> {
  const path = join(import.meta.dirname, '../support/dhcp6-server-program.ts');
  const settings = { interface: 'server0', networks: ['2001:db8::'], lifetime: 3600, bootFileUrl, ...changes };
  const server = pair.program('server', path, settings);
  await server.message(({ type }) => type === 'ready');
  return server;
}

/** What the clients said, in short: `SOLICIT`, `REQUEST`, ... */
function heard(server: RunningProgram, from = 0): string[] {
  const received = server.messages.slice(from).filter(({ type }) => type === 'received');
  return received.map(({ summary }) => String(summary).split(',')[0] ?? '');
}

function dhclient(pair: Ipv6Pair, folder: string, ...flags: string[]): ChildProcess {
  return pair.spawn('client', 'dhclient', [...dhclient6Flags(folder), ...flags, 'client0']);
}

test('dhclient gets an address, the network and the Root Path, and gives the address back', async (t) => {
  if (!requires(t, 'dhclient', 'ip', root, networkNamespaces)) return;
  using pair = new Ipv6Pair('d6-dhclient', mac);
  const folder = temporaryDirectory(t);
  await using server = await startServer(pair);
  const client = dhclient(pair, folder);
  const { address } = await server.message(({ change }) => change === 'bound');
  assert.match(String(address), lent);
  await said(client, /noted BOUND6/);
  await end(client);
  const environment = noted(folder);
  assert.match(environment, new RegExp(`^new_ip6_address=${address}$`, 'm'));
  assert.match(environment, /^new_dhcp6_name_servers=2001:db8::53$/m);
  assert.match(environment, /^new_dhcp6_domain_search=example\.com\.?$/m);
  assert.ok(environment.includes(`new_dhcp6_bootfile_url=${bootFileUrl}`), environment);

  const release = dhclient(pair, folder, '-r');
  const released = await server.message(({ change }) => change === 'released');
  assert.equal(released.address, address);
  await end(release);
});

test('dhclient renews, and learns the Root Path without an address', async (t) => {
  if (!requires(t, 'dhclient', 'ip', root, networkNamespaces)) return;
  using pair = new Ipv6Pair('d6-renewing', mac);
  await using server = await startServer(pair, { lifetime: 4 });
  const client = dhclient(pair, temporaryDirectory(t));
  await server.message(({ change }) => change === 'renewed');
  assert.deepEqual(heard(server), ['SOLICIT', 'REQUEST', 'RENEW']);
  await end(client);

  const folder = temporaryDirectory(t);
  const stateless = dhclient(pair, folder, '-S');
  await server.message(({ summary }) => String(summary).startsWith('INFORMATION-REQUEST'));
  await said(stateless, /noted (?!PREINIT6)\w+/);
  await end(stateless);
  assert.ok(noted(folder).includes(`new_dhcp6_bootfile_url=${bootFileUrl}`), noted(folder));
});

/** dhcpcd keeps its leases in one place only, so that place is a file system of its own for this run. */
function dhcpcd(pair: Ipv6Pair, folder: string, runs: number) {
  const conf = join(folder, 'dhcpcd.conf');
  writeFileSync(conf, 'duid\nnoipv6rs\nia_na\noption dhcp6_bootfile_url, dhcp6_name_servers\n');
  const flags = '--oneshot --ipv6only --noconfigure --nobackground --debug --timeout 20';
  const command = `dhcpcd ${flags} --config ${conf} --script ${notingHook(folder)} client0`;
  const all = Array.from({ length: runs }, () => command).join(' && ');
  return pair.run('sh', ['-c', `mount -t tmpfs none /var/lib/dhcpcd && ${all}`]);
}

test('dhcpcd gets an address and the Root Path, and the same address the next time', async (t) => {
  if (!requires(t, 'dhcpcd', 'ip', root, networkNamespaces)) return;
  using pair = new Ipv6Pair('d6-dhcpcd', mac);
  const folder = temporaryDirectory(t);
  await using server = await startServer(pair);
  const { output } = await dhcpcd(pair, folder, 2);
  const { address } = await server.message(({ change }) => change === 'bound');
  assert.match(String(address), lent);
  const environment = noted(folder);
  const addresses = environment.match(/^new_dhcp6_ia_na1_ia_addr1=.*$/gm) ?? [];
  assert.deepEqual(addresses, Array(2).fill(`new_dhcp6_ia_na1_ia_addr1=${address}`), output);
  assert.ok(environment.includes(`new_dhcp6_bootfile_url=${bootFileUrl}`), environment);
});

test('our client and dhclient on one machine get the same address, although they are two clients', async (t) => {
  if (!requires(t, 'dhclient', 'ip', root, networkNamespaces)) return;
  using pair = new Ipv6Pair('d6-same', mac);
  await using server = await startServer(pair, { rapidCommit: true });
  const path = join(import.meta.dirname, '../support/dhcp6-client-program.ts');
  const settings = { interface: 'client0', hardwareAddress: mac, mode: 'stateful', rapidCommit: true, longestDelay: 0 };
  const first = await bound(pair, path, settings);
  const client = dhclient(pair, temporaryDirectory(t));
  const { address } = await server.message(({ iaid }) => iaid !== undefined && iaid !== 1);
  await end(client);
  assert.deepEqual(first.addresses, [address]);
});

async function bound(pair: Ipv6Pair, path: string, settings: object) {
  await using client = pair.program('client', path, settings);
  return await client.message(({ type }) => type === 'bound');
}

test('perfdhcp gets an address for each of its clients', async (t) => {
  if (!requires(t, 'perfdhcp', 'ip', root, networkNamespaces)) return;
  using pair = new Ipv6Pair('d6-perfdhcp', mac);
  await using _ = await startServer(pair, { quiet: true });
  const { output } = await pair.run('perfdhcp', ['-6', '-r', '200', '-n', '200', '-R', '200', '-l', 'client0', 'all']);
  const counts = [...output.matchAll(/^received packets: (\d+)$/gm)].map(([, count]) => Number(count));
  assert.equal(counts.length, 2, output);
  // A busy machine may lose some; each that came was a correct answer to its question.
  for (const count of counts) assert.ok(count >= 150 && count <= 200, output);
  assert.match(output, /non unique addresses: 0/);
});

/** This machine's own `ip`: what is made in a namespace's shell is not seen outside of it. */
function ip(...args: string[]): void {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
  assert.equal(status, 0, `ip ${args.join(' ')}: ${stderr}`);
}

test('a client behind dhcrelay gets an address of its own link', async (t) => {
  if (!requires(t, 'dhclient', 'dhcrelay', 'ip', root, networkNamespaces)) return;
  using pair = new Ipv6Pair('d6-relay', mac);
  await using server = await startServer(pair, { networks: ['2001:db8::', '2001:db8:1::'] });
  // What is the client elsewhere is the relay agent here: a further namespace behind it has the client.
  const relay = pair.client;
  const far = `${relay}-far`;
  ip('netns', 'add', far);
  t.after(() => ip('netns', 'del', far));
  ip('-n', relay, 'address', 'add', '2001:db8::2/64', 'dev', 'client0', 'nodad');
  ip('-n', relay, 'link', 'add', 'near0', 'type', 'veth', 'peer', 'name', 'far0', 'netns', far);
  for (const [namespace, link] of [
    [relay, 'near0'],
    [far, 'far0'],
  ] as const) {
    ip(
      'netns',
      'exec',
      namespace,
      'sysctl',
      '-qw',
      'net.ipv6.conf.all.accept_dad=0',
      `net.ipv6.conf.${link}.accept_dad=0`,
    );
    ip('-n', namespace, 'link', 'set', link, 'up');
  }
  ip('-n', relay, 'address', 'add', '2001:db8:1::1/64', 'dev', 'near0', 'nodad');
  ip('-n', far, 'address', 'add', 'fe80::77/64', 'dev', 'far0', 'nodad');
  const agent = pair.spawn('client', 'dhcrelay', ['-6', '-d', '-l', 'near0', '-u', '2001:db8::1%client0', '--no-pid']);
  t.after(() => end(agent));
  await said(agent, /Sending on/);

  const folder = temporaryDirectory(t);
  const files = ['-lf', join(folder, 'leases'), '-sf', '/bin/true', '-cf', '/dev/null'];
  const command = ['netns', 'exec', far, 'dhclient', '-6', '-d', '-v', '--no-pid', ...files, 'far0'];
  const client = spawn('ip', command, { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => end(client));
  const { address } = await server.message(({ change }) => change === 'bound');
  assert.match(String(address), /^2001:db8:1::1:[0-9a-f]{1,4}$/);
  await said(client, /PRC: Bound to lease/);
});
