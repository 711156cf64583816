/** Bad input and trouble at the start of `diskless serve`: one line that says what, where and what to do, and its exit code. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { type RunOptions, runCli } from './run-cli.ts';

describe('diskless serve refuses', () => {
  let directory = '';
  let image = '';
  let loaders = '';
  const at = (name: string) => join(directory, name);

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'diskless-serve-errors-'));
    image = at('disk.img');
    const disk = Buffer.alloc(1 << 20);
    disk.writeUInt16BE(0x55aa, 510);
    await writeFile(image, disk);
    loaders = at('loaders');
    await mkdir(loaders);
    for (const name of ['undionly.kpxe', 'snponly.efi']) await writeFile(join(loaders, name), name);
  });
  after(() => rm(directory, { recursive: true }));

  /** Everything on loopback and high ports, so that only the mistake under test stands in the way. */
  const ports = ['--tftp-port', '20069', '--http', '20080', '--iscsi-port', '23260'];
  const onLoopback = () => [
    '--interface',
    'lo',
    '--dhcp',
    'off',
    '--loader-dir',
    loaders,
    '--data',
    at('data'),
    ...ports,
  ];

  async function refused(
    args: readonly string[],
    expected: { exit: number; code: string; says: RegExp },
    how: RunOptions = {},
  ) {
    const { code, stdout, stderr } = await runCli(['serve', ...args], how);
    assert.match(stderr, /^diskless: [^\n]+\n$/, 'one line');
    assert.ok(stderr.includes(`(${expected.code})`), stderr);
    assert.match(stderr, expected.says);
    assert.equal(code, expected.exit);
    assert.equal(stdout, '');
  }

  test('no image', () =>
    refused(onLoopback(), { exit: 2, code: 'USAGE_IMAGE_MISSING', says: /diskless serve debian\.img/ }));

  test('a missing image', () =>
    refused([at('missing.img'), ...onLoopback()], { exit: 5, code: 'IMAGE_NOT_FOUND', says: /missing\.img/ }));

  test('a directory as image', () =>
    refused([directory, ...onLoopback()], { exit: 1, code: 'IMAGE_IS_DIRECTORY', says: /diskless-serve-errors/ }));

  test('an empty image', async () => {
    await writeFile(at('empty.img'), '');
    await refused([at('empty.img'), ...onLoopback()], { exit: 1, code: 'IMAGE_EMPTY', says: /empty\.img/ });
  });

  test('a file that is no disk image', async () => {
    await writeFile(at('letter.txt'), 'Dear reader,\n'.repeat(1000));
    await refused([at('letter.txt'), ...onLoopback()], { exit: 1, code: 'IMAGE_NOT_A_DISK', says: /letter\.txt/ });
  });

  test('no interface', () =>
    refused([image, '--data', at('data')], { exit: 2, code: 'INTERFACE_NOT_GIVEN', says: /--interface/ }));

  test('an unknown interface', () =>
    refused([image, '--interface', 'nowhere7'], { exit: 5, code: 'INTERFACE_UNKNOWN', says: /nowhere7/ }));

  test('DHCP on loopback', () =>
    refused([image, '--interface', 'lo', '--data', at('data')], {
      exit: 3,
      code: 'INTERFACE_NO_DHCP',
      says: /--dhcp off/,
    }));

  test('an interface that is down', async (t) => {
    if (!requires(t, networkNamespaces)) return;
    const how = { wrapper: ['unshare', '--net'] };
    await refused([image, '--interface', 'lo'], { exit: 3, code: 'INTERFACE_DOWN', says: /ip link set lo up/ }, how);
  });

  test('an interface without an address, and a pool outside of the subnet', async (t) => {
    if (!requires(t, root, networkNamespaces, 'ip')) return;
    const inNamespace = (setUp: string) => ({
      wrapper: ['unshare', '--net', 'sh', '-c', `${setUp} && exec "$@"`, 'sh'],
    });
    const bridge = 'ip link add br9 type bridge && ip link set br9 up';
    const withoutAddress = { exit: 3, code: 'INTERFACE_NO_ADDRESS', says: /ip address add/ };
    await refused([image, '--interface', 'br9'], withoutAddress, inNamespace(bridge));
    const outside = { exit: 3, code: 'DHCP_POOL_OUTSIDE_SUBNET', says: /192\.0\.2/ };
    const args = [image, '--interface', 'br9', '--pool', '198.51.100.10-198.51.100.20'];
    await refused(args, outside, inNamespace(`${bridge} && ip address add 192.0.2.1/24 dev br9`));
  });

  test('a loader that is not installed', async () => {
    await mkdir(at('no-loaders'));
    const args = [image, ...onLoopback(), '--loader-dir', at('no-loaders')];
    await refused(args, { exit: 5, code: 'LOADER_MISSING', says: /undionly\.kpxe, snponly\.efi/ });
  });

  for (const [name, flag] of [
    ['iSCSI', '--iscsi-port'],
    ['HTTP', '--http'],
  ] as const) {
    test(`a ${name} port in use`, async () => {
      const other = createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => other.once('listening', resolve));
      const address = other.address();
      const port = typeof address === 'object' && address !== null ? String(address.port) : '';
      try {
        const expected = { exit: 4, code: 'NETWORK_PORT_IN_USE', says: new RegExp(`127\\.0\\.0\\.1 port ${port}`) };
        await refused([image, ...onLoopback(), flag, port], expected);
      } finally {
        other.close();
      }
    });
  }

  test('a port that it has no permission for', async (t) => {
    if (!requires(t, root, 'setpriv')) return;
    const how = { wrapper: ['setpriv', '--bounding-set', '-net_bind_service', '--inh-caps', '-net_bind_service'] };
    const args = [image, ...onLoopback(), '--tftp-port', '69'];
    await refused(args, { exit: 4, code: 'NETWORK_PORT_FORBIDDEN', says: /port 69.*CAP_NET_BIND_SERVICE/ }, how);
  });

  test('a data directory that is a file', async () => {
    const args = [image, ...onLoopback(), '--data', join(image, 'data')];
    await refused(args, { exit: 6, code: 'FILE_EXISTS', says: /disk\.img/ });
  });

  test('a bad flag, variable and line of the config file', async () => {
    await refused([image, '--dhcp', 'sometimes'], {
      exit: 2,
      code: 'USAGE_VALUE_INVALID',
      says: /--dhcp: expected one of/,
    });
    const environment = { DISKLESS_TFTP_PORT: 'x' };
    await refused([image], { exit: 3, code: 'CONFIG_VALUE_INVALID', says: /DISKLESS_TFTP_PORT/ }, { environment });
    await writeFile(at('config.yaml'), 'interface: lo\ncache: much\n');
    const args = [image, '--config', at('config.yaml')];
    await refused(args, { exit: 3, code: 'CONFIG_VALUE_INVALID', says: /config\.yaml:2:8: cache/ });
    await refused([image, '--config', at('none.yaml')], { exit: 3, code: 'CONFIG_NOT_READABLE', says: /none\.yaml/ });
  });

  test('none of these left a disk behind', async () => {
    assert.ok(!(await readdir(at('data'))).includes('disks'));
  });
});
