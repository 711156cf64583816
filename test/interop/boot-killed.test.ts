/** `diskless boot` is killed and takes nothing back: the kernel takes the address away when its lease is over, which it was told. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { makeBootDisk } from '../support/boot-disk.ts';
import { Ipv6Pair } from '../support/ipv6-pair.ts';
import { end, type NamespacePair, said } from '../support/namespace-pair.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const support = (name: string) => join(import.meta.dirname, '..', 'support', name);
const program = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');
const targetName = 'iqn.2024-01.com.example:disk';
const mac = '52:54:00:42:00:0c';
const rootPath = (server: string) => `iscsi:${server}::::${targetName}`;

/** What the kernel says of its addresses as it happens: `+` set or changed, with its lifetime, `-` taken away. */
class AddressMonitor implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  /** Until `signal` is aborted, as a test's is that takes too long. */
  constructor({ client }: NamespacePair, signal: AbortSignal) {
    this.#child = spawn('ip', ['-n', client, '-o', 'monitor', 'address'], { stdio: ['ignore', 'pipe', 'inherit'] });
    assert.ok(this.#child.stdout);
    signal.addEventListener('abort', () => this.#child.kill());
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** The next of what it says of `address` that matches. */
  async heard(address: RegExp, what: RegExp): Promise<void> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      assert.ok(done !== true, `nothing like ${what} was heard`);
      if (address.test(value) && what.test(value)) return;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await end(this.#child);
  }
}

const ways = [
  {
    way: 'DHCP',
    address: /inet 192\.0\.2\.50\/24 /,
    flags: ['--dhcp', 'v4'],
    server: {
      program: 'dhcp-server-program.ts',
      settings: {
        ...{ interface: 'server0', address: '192.0.2.1', first: '192.0.2.50', last: '192.0.2.50' },
        ...{ leaseTime: 6, rootPath: rootPath('192.0.2.1') },
      },
    },
  },
  {
    way: 'DHCPv6',
    address: /inet6 2001:db8::1:[0-9a-f]+\/128 /,
    flags: ['--dhcp', 'v6'],
    server: {
      program: 'dhcp6-server-program.ts',
      settings: {
        ...{ interface: 'server0', networks: ['2001:db8::'] },
        ...{ lifetime: 3, bootFileUrl: rootPath('[2001:db8::1]') },
      },
    },
  },
] as const;

interface Rig {
  readonly pair: NamespacePair;
  readonly monitor: AddressMonitor;
  readonly folder: string;
}

/** A target and a server that leases addresses, and somebody who hears what becomes of the client's. */
async function start(
  t: TestContext,
  stack: AsyncDisposableStack,
  { way, server }: (typeof ways)[number],
): Promise<Rig> {
  const pair = stack.use(new Ipv6Pair(`killed-${way.toLowerCase()}`, mac));
  pair.command('client', 'ip', '-6', 'route', 'add', '2001:db8::/64', 'dev', 'client0');
  const folder = temporaryDirectory(t);
  const disk = join(folder, 'disk.img');
  makeBootDisk(disk);
  const listen = way === 'DHCP' ? '192.0.2.1:3260' : '[2001:db8::1]:3260';
  const target = pair.spawn('server', process.execPath, [
    ...[program, 'target', disk, '--name', targetName, '--listen', listen],
  ]);
  stack.defer(() => end(target));
  await said(target, /3260/);
  const dhcp = stack.use(pair.program('server', support(server.program), server.settings));
  await dhcp.message(({ type }) => type === 'ready');
  const monitor = stack.use(new AddressMonitor(pair, t.signal));
  return { pair, monitor, folder };
}

for (const each of ways) {
  const { way, address, flags } = each;
  test(`kill -9 under a lease of ${way}: it was prolonged until then, and ends with it`, {
    timeout: 60_000,
  }, async (t) => {
    if (!requires(t, 'ip', 'sfdisk', root, networkNamespaces)) return;
    await using stack = new AsyncDisposableStack();
    const { pair, monitor, folder } = await start(t, stack, each);
    const nbd = ['--json', '--nbd', join(folder, 'socket')];
    const boot = pair.spawn('client', process.execPath, [program, 'boot', '--interface', 'client0', ...flags, ...nbd]);
    stack.defer(() => end(boot));
    const [stdout, stderr] = [boot.stdout, boot.stderr].map((stream) => text(stream ?? assert.fail()));
    await monitor.heard(address, / valid_lft \d+sec/);
    await monitor.heard(address, / valid_lft \d+sec/);
    const gone = once(boot, 'close');
    boot.kill('SIGKILL');
    await gone;
    assert.equal(JSON.parse((await stdout) ?? '').ok, true);
    assert.match((await stderr) ?? '', /^ +\d+\.\d{3} {2}dhcp /, 'what comes after the document');
    await monitor.heard(address, /^Deleted /);
  });

  test(`the address that the doctor takes by ${way} would end with its lease as well`, {
    timeout: 60_000,
  }, async (t) => {
    if (!requires(t, 'ip', 'sfdisk', root, networkNamespaces)) return;
    await using stack = new AsyncDisposableStack();
    const { pair, monitor } = await start(t, stack, each);
    const doctor = pair.spawn('client', process.execPath, [program, 'doctor', '--interface', 'client0']);
    stack.defer(() => end(doctor));
    await monitor.heard(address, / valid_lft \d+sec/);
  });
}

test('an address that the kernel has taken away is given back without an error', async (t) => {
  if (!requires(t, 'ip', root, networkNamespaces)) return;
  using pair = new Ipv6Pair('taken-away', mac);
  const script = `
    const { linuxMachineNetwork } = await import(process.argv[1]);
    const { execFileSync } = await import('node:child_process');
    const ip = (...args) => execFileSync('ip', args, { encoding: 'utf8' });
    const set = await linuxMachineNetwork.addAddress('client0', '192.0.2.9', 24);
    await set.limit({ valid: 2 ** 33, preferred: 0 });
    process.stdout.write(ip('-o', '-4', 'address', 'show', 'dev', 'client0'));
    ip('address', 'del', '192.0.2.9/24', 'dev', 'client0');
    await set[Symbol.asyncDispose]();`;
  const source = new URL('../../src/os/machine-network.ts', import.meta.url).href;
  const { status, output } = await pair.run(process.execPath, ['--input-type=module', '-e', script, source]);
  assert.equal(status, 0, output);
  assert.match(output, /192\.0\.2\.9\/24 .* valid_lft 429496729\dsec preferred_lft 0sec/);
});
