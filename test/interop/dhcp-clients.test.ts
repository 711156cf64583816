/** The DHCP clients of Debian against our server. */

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { end, NamespacePair, type RunningProgram, said } from '../support/namespace-pair.ts';
import { file, networkNamespaces, requires, root } from '../support/requires.ts';

const mac = '52:54:00:12:34:56';
const networkdProgram = '/lib/systemd/systemd-networkd';
const rootPath = 'iscsi:192.0.2.1::::iqn.2024-01.com.example:disk';

async function startServer(pair: NamespacePair, changes: object = {}): Promise<RunningProgram> {
  const path = join(import.meta.dirname, '../support/dhcp-server-program.ts');
  const pool = { first: '192.0.2.100', last: '192.0.2.199' };
  const settings = { interface: 'server0', address: '192.0.2.1', ...pool, leaseTime: 3600, rootPath, ...changes };
  const server = pair.program('server', path, settings);
  await server.message(({ type }) => type === 'ready');
  return server;
}

/** What the clients said, in short: `DISCOVER`, `REQUEST`, ... */
function heard(server: RunningProgram, from = 0): string[] {
  const received = server.messages.slice(from).filter(({ type }) => type === 'received');
  return received.map(({ summary }) => String(summary).split(' ')[0] ?? '');
}

/** A folder for a client's files, removed at the end. */
class ClientFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'diskless-dhcp-'));

  file(name: string, content = '', mode = 0o644): string {
    const path = join(this.path, name);
    writeFileSync(path, content, { mode });
    return path;
  }

  /** A hook that notes what the client learned and changes nothing on this machine. */
  hook(): string {
    return this.file('hook', `#!/bin/sh\n{ echo "event=$1"; env; } >> ${this.path}/environment\n`, 0o755);
  }

  get environment(): string {
    return readFileSync(join(this.path, 'environment'), 'utf8');
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

function udhcpcOnce(pair: NamespacePair, folder: ClientFolder, ...more: string[]) {
  const args = ['-i', 'client0', '-n', '-q', '-f', '-t', '5', '-s', folder.hook(), ...more];
  return pair.run('udhcpc', args);
}

/** dhclient would go to the background and stay there; `-d` keeps it in our hands. */
function dhclient(pair: NamespacePair, folder: ClientFolder): ChildProcess {
  const conf = folder.file('conf', 'request subnet-mask, routers, root-path, domain-name;\n');
  const args = ['-4', '-d', '-v', '--no-pid', '-lf', join(folder.path, 'leases'), '-cf', conf, '-sf', folder.hook()];
  return pair.spawn('client', 'dhclient', [...args, 'client0']);
}

/** dhcpcd keeps its leases in one place only, so that place is a file system of its own for this run. */
function dhcpcd(pair: NamespacePair, folder: ClientFolder, runs: number) {
  const conf = folder.file('dhcpcd.conf', 'duid\noption root_path, routers, domain_name_servers\n');
  const flags = '--oneshot --ipv4only --noarp --noconfigure --nobackground --debug --timeout 20';
  const command = `dhcpcd ${flags} --config ${conf} --script ${folder.hook()} client0`;
  const all = Array.from({ length: runs }, () => command).join(' && ');
  return pair.run('sh', ['-c', `mount -t tmpfs none /var/lib/dhcpcd && ${all}`]);
}

test('udhcpc learns its address and its network, and gets the same address the next time', async (t) => {
  if (!requires(t, 'udhcpc', 'ip', root, networkNamespaces)) return;
  using pair = new NamespacePair('udhcpc', mac);
  using folder = new ClientFolder();
  await using server = await startServer(pair);
  const first = await udhcpcOnce(pair, folder, '-O', 'rootpath');
  assert.equal(first.status, 0, first.output);
  const { environment } = folder;
  assert.match(environment, /^event=bound$/m);
  assert.match(environment, /^subnet=255\.255\.255\.0$/m);
  assert.match(environment, /^router=192\.0\.2\.1$/m);
  assert.match(environment, /^domain=example\.com$/m);
  assert.match(environment, /^lease=3600$/m);
  assert.ok(environment.includes(`\nrootpath=${rootPath}\n`), environment);
  const { address } = await server.message(({ change }) => change === 'bound');
  assert.ok(environment.includes(`\nip=${address}\n`));
  const second = await udhcpcOnce(pair, folder);
  assert.ok(second.output.includes(`lease of ${address} obtained`), second.output);
});

test('udhcpc renews by unicast when told to, and releases when it ends', async (t) => {
  if (!requires(t, 'udhcpc', 'ip', root, networkNamespaces)) return;
  using pair = new NamespacePair('udhcpc', mac);
  using folder = new ClientFolder();
  await using server = await startServer(pair);
  const client = pair.spawn('client', 'udhcpc', ['-i', 'client0', '-f', '-R', '-s', folder.hook()]);
  try {
    const bound = await server.message(({ change }) => change === 'bound');
    // The ACK is on its way when the lease is saved; a signal that udhcpc gets before it has it starts the search anew.
    await said(client, /lease of .* obtained/);
    pair.setClientAddress(String(bound.address));
    const before = server.messages.length;
    client.kill('SIGUSR1');
    const renewed = await server.message(({ change }) => change === 'renewed', before);
    assert.equal(renewed.address, bound.address);
    assert.deepEqual(heard(server, before), ['REQUEST']);
    client.kill('SIGTERM');
    const released = await server.message(({ change }) => change === 'released', before);
    assert.equal(released.address, bound.address);
  } finally {
    await end(client);
  }
});

test('dhclient renews at T1, and confirms its address after a restart', async (t) => {
  if (!requires(t, 'dhclient', 'ip', root, networkNamespaces)) return;
  using pair = new NamespacePair('dhclient', mac);
  using folder = new ClientFolder();
  await using server = await startServer(pair, { leaseTime: 8 });
  const first = dhclient(pair, folder);
  const bound = await server.message(({ change }) => change === 'bound');
  try {
    pair.setClientAddress(String(bound.address));
    const renewed = await server.message(({ change }) => change === 'renewed');
    assert.equal(renewed.address, bound.address);
    assert.deepEqual(heard(server), ['DISCOVER', 'REQUEST', 'REQUEST']);
    const renewal = server.messages.findLast(({ type }) => type === 'received');
    assert.ok(String(renewal?.summary).includes(`has ${bound.address}`), String(renewal?.summary));
  } finally {
    await end(first);
  }
  assert.ok(readFileSync(join(folder.path, 'leases'), 'utf8').includes(`option root-path "${rootPath}"`));
  const before = server.messages.length;
  const second = dhclient(pair, folder);
  try {
    const confirmed = await server.message(({ type }) => type === 'lease', before);
    assert.equal(confirmed.address, bound.address);
    assert.deepEqual(heard(server, before), ['REQUEST']);
  } finally {
    await end(second);
  }
});

test('dhcpcd gets an address, and confirms it after a restart', async (t) => {
  if (!requires(t, 'dhcpcd', 'ip', root, networkNamespaces)) return;
  using pair = new NamespacePair('dhcpcd', mac);
  using folder = new ClientFolder();
  await using server = await startServer(pair);
  const run = await dhcpcd(pair, folder, 2);
  assert.equal(run.status, 0, run.output);
  const { address } = await server.message(({ change }) => change === 'bound');
  assert.ok(folder.environment.includes(`\nnew_ip_address=${address}\n`), folder.environment);
  assert.ok(folder.environment.includes(`\nnew_root_path=${rootPath}\n`), folder.environment);
  assert.deepEqual(heard(server), ['DISCOVER', 'REQUEST', 'REQUEST']);
});

test('a client that insists on an address of another network is told to start again', async (t) => {
  if (!requires(t, 'udhcpc', 'ip', root, networkNamespaces)) return;
  using pair = new NamespacePair('nak', mac);
  using folder = new ClientFolder();
  await using server = await startServer(pair, { first: '192.0.2.20', last: '192.0.2.29' });
  const lease = `lease { interface "client0"; fixed-address 198.51.100.7; option dhcp-lease-time 86400;
    option dhcp-server-identifier 198.51.100.1; renew never; rebind never; expire never; }`;
  folder.file('leases', lease);
  const client = dhclient(pair, folder);
  try {
    const { address } = await server.message(({ change }) => change === 'bound');
    assert.match(String(address), /^192\.0\.2\.2[0-9]$/);
    const answers = server.messages.filter(({ type }) => type === 'sent').map(({ summary }) => String(summary));
    assert.match(answers[0] ?? '', /^NAK .*198\.51\.100\.7 is of another network/);
  } finally {
    await end(client);
  }
});

/**
 * networkd lives without the rest of systemd when /run is its own, and when it finds what udev would have left there: that the
 * interface is ready.
 */
function networkd(pair: NamespacePair, folder: ClientFolder): ChildProcess {
  const network = '[Match]\\nName=client0\\n[Network]\\nDHCP=ipv4\\nLinkLocalAddressing=no\\nIPv6AcceptRA=no\\n';
  const script = folder.file(
    'networkd.sh',
    `set -e
mount -t tmpfs none /run
mkdir -p /run/systemd/network /run/systemd/netif/links /run/systemd/netif/leases /run/udev/data
chown -R systemd-network /run/systemd/netif
printf '${network}' > /run/systemd/network/10-client.network
echo I:1 > "/run/udev/data/n$(cat /sys/class/net/client0/ifindex)"
exec ${networkdProgram}
`,
  );
  return pair.spawn('client', 'unshare', ['--mount', 'sh', script]);
}

test('systemd-networkd gets an address, and gives it back when it ends', async (t) => {
  if (!requires(t, file(networkdProgram), 'unshare', 'ip', root, networkNamespaces)) return;
  using pair = new NamespacePair('networkd', mac);
  using folder = new ClientFolder();
  await using server = await startServer(pair);
  const client = networkd(pair, folder);
  const configured = said(client, /client0: DHCPv4 address /);
  try {
    const bound = await server.message(({ change }) => change === 'bound');
    assert.match(String(bound.address), /^192\.0\.2\.1\d\d$/);
    assert.deepEqual(heard(server), ['DISCOVER', 'REQUEST']);
    await configured;
    client.kill('SIGTERM');
    const released = await server.message(({ change }) => change === 'released');
    assert.equal(released.address, bound.address);
  } finally {
    await end(client);
  }
});

test('three clients on one machine, each with its own kind of client identifier, get one address', async (t) => {
  if (!requires(t, 'udhcpc', 'dhclient', 'dhcpcd', 'ip', root, networkNamespaces)) return;
  using pair = new NamespacePair('three', mac);
  using folder = new ClientFolder();
  await using server = await startServer(pair);
  // Type 0 and a text: what a boot ROM of its own mind might send.
  const first = await udhcpcOnce(pair, folder, '-x', '61:00524f4d');
  assert.equal(first.status, 0, first.output);
  const run = await dhcpcd(pair, folder, 1);
  assert.equal(run.status, 0, run.output);
  const before = server.messages.length;
  const client = dhclient(pair, folder);
  try {
    await server.message(({ type }) => type === 'lease', before);
  } finally {
    await end(client);
  }
  const leases = server.messages.filter(({ type }) => type === 'lease');
  assert.equal(leases.length, 3);
  assert.equal(new Set(leases.map(({ address }) => address)).size, 1);
});
