/** The whole `diskless serve` as a process, against real clients. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { startForeignDnsmasq } from '../support/dnsmasq.ts';
import { missing, networkNamespaces, requires, root } from '../support/requires.ts';
import { ServeProgram } from '../support/serve-program.ts';
import { makeServedNetwork, run, type ServedNetwork } from '../support/served-network.ts';
import { askForAddress } from '../support/udhcpc.ts';

const launcher = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');
const imageSize = 16 << 20;
const target = 'iqn.2026-11.internal.diskless:52-54-00-ab-cd-01';

const tools = ['ip', 'udhcpc', 'curl', 'iscsi-ls', 'qemu-img', 'qemu-io'];
const needs = [root, networkNamespaces, ...tools] as const;

describe('diskless serve and real clients', () => {
  let directory = '';
  let image = '';
  let loaders = '';
  let network: ServedNetwork | undefined;
  let server: ServeProgram | undefined;
  const content = randomBytes(imageSize);
  content.writeUInt16BE(0x55aa, 510);

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'diskless-serve-'));
    image = join(directory, 'golden.img');
    await writeFile(image, content);
    loaders = directory;
    for (const [name, size] of [
      ['undionly.kpxe', 70_001],
      ['snponly.efi', 170_496],
      ['ipxe.efi', 999_999],
    ] as const) {
      await writeFile(join(loaders, name), randomBytes(size));
    }
  });
  after(() => rm(directory, { recursive: true }));

  beforeEach(() => {
    if (missing(...needs).length === 0) network = makeServedNetwork('serve');
  });
  afterEach(async () => {
    await server?.end('SIGKILL');
    server = undefined;
    await network?.[Symbol.asyncDispose]();
    network = undefined;
    await rm(join(directory, 'data'), { recursive: true, force: true });
  });

  function net(): ServedNetwork {
    assert.ok(network);
    return network;
  }

  const args = (...flags: string[]) => {
    const where = ['--interface', net().serverInterface, '--data', join(directory, 'data')];
    return [image, ...where, '--loader-dir', loaders, ...flags];
  };
  const start = async (...flags: string[]) => {
    server = await ServeProgram.start(args(...flags), net().onServer);
    return server;
  };

  const ask = () => askForAddress(net(), directory);
  const disk = () => `iscsi://${net().serverAddress}/${target}/0`;

  async function qemuIo(...commands: string[]): Promise<void> {
    const script = commands.flatMap((one) => ['-c', one]);
    const { code, stdout, stderr } = await run([...net().onClient, 'qemu-io', '-f', 'raw', ...script, disk()]);
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stdout.toString(), /verification failed/);
  }

  test('a client gets an address, its Root Path, and the same address again', async (t) => {
    if (!requires(t, ...needs)) return;
    await start('--dhcp', 'full');
    const first = await ask();
    assert.equal(first?.serverId, '192.168.78.1');
    assert.equal(first?.rootPath, `iscsi:192.168.78.1::::${target}`);
    assert.match(first?.address ?? '', /^192\.168\.78\.(1(2[89]|[3-9]\d)|2\d\d)$/);
    assert.deepEqual(await ask(), first);
  });

  test('curl fetches the loaders by TFTP and HTTP, byte for byte', async (t) => {
    if (!requires(t, ...needs)) return;
    await start('--dhcp', 'full');
    await ask();
    for (const name of ['undionly.kpxe', 'snponly.efi', 'ipxe.efi']) {
      for (const url of [`tftp://192.168.78.1/${name}`, `http://192.168.78.1:8080/${name}`]) {
        const { code, stdout } = await run([...net().onClient, 'curl', '-sf', url]);
        assert.equal(code, 0, url);
        assert.ok(stdout.equals(await readFile(join(loaders, name))), url);
      }
    }
    const refused = await run([...net().onClient, 'curl', '-s', 'tftp://192.168.78.1/../golden.img']);
    assert.notEqual(refused.code, 0);
  });

  test('the client finds its own target, with the golden image’s content', async (t) => {
    if (!requires(t, ...needs)) return;
    await start('--dhcp', 'full');
    await ask();
    const list = await run([...net().onClient, 'iscsi-ls', 'iscsi://192.168.78.1']);
    assert.equal(list.stdout.toString().trim(), `Target:${target} Portal:192.168.78.1:3260,1`);
    const compare = [...net().onClient, 'qemu-img', 'compare', '-f', 'raw', '-F', 'raw', disk(), image];
    assert.match((await run(compare)).stdout.toString(), /Images are identical/);
  });

  test('after kill -9 the same command brings back every lease and every write', async (t) => {
    if (!requires(t, ...needs)) return;
    const killed = await start('--dhcp', 'full');
    const before = await ask();
    await qemuIo('write -P 0x5a 1M 64k', 'write -P 0xa5 8191k 4k');
    assert.equal(await killed.end('SIGKILL'), 'SIGKILL');
    await start('--dhcp', 'full');
    assert.deepEqual(await ask(), before);
    await qemuIo('read -P 0x5a 1M 64k', 'read -P 0xa5 8191k 4k');
    assert.equal(
      createHash('sha256')
        .update(await readFile(image))
        .digest('hex'),
      createHash('sha256').update(content).digest('hex'),
    );
  });

  test('SIGTERM ends it in order, with 0, and what was written is there', async (t) => {
    if (!requires(t, ...needs)) return;
    const stopped = await start('--dhcp', 'full');
    await ask();
    await qemuIo('write -P 0x77 4M 1M');
    assert.equal(await stopped.end('SIGTERM'), 0);
    assert.equal(stopped.events.at(-1)?.event, 'stopped');
    await start('--dhcp', 'full');
    await qemuIo('read -P 0x77 4M 1M');
  });

  test('a second server over the same data directory is refused', async (t) => {
    if (!requires(t, ...needs)) return;
    await start('--dhcp', 'off');
    const ports = ['--tftp-port', '1069', '--http', '8081', '--iscsi-port', '13260'];
    const second = await run([
      ...net().onServer,
      process.execPath,
      launcher,
      'serve',
      ...args('--dhcp', 'off', ...ports),
    ]);
    assert.equal(second.code, 6);
    assert.match(second.stderr, /^diskless: [^\n]*\(DATA_IN_USE\)[^\n]*\n$/);
  });

  test('alone on its network, auto serves in full', async (t) => {
    if (!requires(t, ...needs)) return;
    const alone = await start();
    assert.equal(alone.find('dhcp-mode')?.mode, 'full');
    assert.notEqual(await ask(), undefined);
  });

  test('beside a foreign DHCP server, auto is a proxy and gives no addresses', async (t) => {
    if (!requires(t, ...needs, 'dnsmasq')) return;
    {
      await using _dnsmasq = await startForeignDnsmasq(net());
      const beside = await start();
      const mode = beside.find('dhcp-mode');
      assert.equal(mode?.mode, 'proxy');
      assert.match(mode?.reason ?? '', /192\.168\.78\.2/);
      assert.equal(beside.find('ready')?.interfaces[0]?.pool, undefined);
    }
    assert.equal(await ask(), undefined);
  });
});
