/** `diskless host` and `diskless image` beside a running server, and after it. */

import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Initiator, openRemoteDevice } from '../../src/initiator/index.ts';
import { systemClock } from '../../src/os/clock.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';
import { encodeLun } from '../../src/scsi/lun.ts';
import { runCli } from '../cli/run-cli.ts';
import { loopbackFlags, ServeProgram } from '../support/serve-program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const MIB = 1 << 20;
const [first, second] = ['52:54:00:ab:cd:01', '52:54:00:ab:cd:02'] as const;

function writeImage(path: string, value: number): void {
  const content = Buffer.alloc(4 * MIB, value);
  content.writeUInt16BE(0x55aa, 510);
  writeFileSync(path, content);
}

async function succeeds(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(args);
  assert.equal(code, 0, stderr);
  return stdout;
}

async function fails(exit: number, code: string, ...args: string[]): Promise<void> {
  const ended = await runCli(args);
  assert.match(ended.stderr, /^diskless: [^\n]+\n$/);
  assert.ok(ended.stderr.includes(`(${code})`), ended.stderr);
  assert.equal(ended.code, exit);
  assert.equal(ended.stdout, '');
}

test('machines and images are listed, reset and removed, but not what a server has open', async (t) => {
  const directory = temporaryDirectory(t);
  const image = join(directory, 'golden.img');
  writeImage(image, 1);
  const data = join(directory, 'data');
  const at = ['--data', data];
  const { flags, iscsiPort } = await loopbackFlags(data);
  const initiatorName = 'iqn.2001-04.com.example:client';
  const initiator = new Initiator({ network: nodeNetwork, clock: systemClock, initiatorName });
  const withDisk = async (mac: string, value?: number): Promise<number | undefined> => {
    const target = `iqn.2026-11.internal.diskless:${mac.replaceAll(':', '-')}`;
    await using session = await initiator.login({ host: '127.0.0.1', port: iscsiPort }, target);
    const device = await openRemoteDevice(session, encodeLun(0), systemClock);
    if (value !== undefined) await device.write(MIB, [new Uint8Array(65_536).fill(value)]);
    await device.flush();
    return (await device.read(MIB, 512))[0]?.[0];
  };
  await fails(5, 'DATA_NOT_FOUND', 'host', 'list', ...at);
  assert.ok(!existsSync(data), 'looking makes nothing');
  let former = '';
  {
    await using server = await ServeProgram.start([image, ...flags]);
    await withDisk(first, 7);
    await withDisk(second, 8);
    const { hosts } = JSON.parse(await succeeds('host', 'list', '--json', ...at));
    assert.deepEqual(
      hosts.map(({ hardwareAddress }: { hardwareAddress: string }) => hardwareAddress),
      [first, second],
    );
    assert.match(
      await succeeds('host', 'list', ...at),
      /^52:54:00:ab:cd:01 +- +- +\d{4}-\d\d-\d\d [\d:]{8} +1 +\S+ KiB$/m,
    );
    await fails(6, 'DISK_IN_USE', 'host', 'reset', first, ...at);
    await fails(6, 'DISK_IN_USE', 'host', 'rm', first, ...at);
    assert.equal(await withDisk(first), 7, 'it is all still there');
    assert.equal(await server.end('SIGTERM'), 0);
  }
  {
    await using server = await ServeProgram.start([image, ...flags]);
    await withDisk(second);
    const shown = await succeeds('host', 'show', '525400ABCD01', ...at);
    assert.match(shown, /^target +iqn\.2026-11\.internal\.diskless:52-54-00-ab-cd-01$/m);
    former = /over image ([0-9a-f]{16}) +4 MiB/.exec(shown)?.[1] ?? '';
    assert.match(shown, /^last boots\n +\d{4}-/m);
    // This machine has not come since the server was started: nobody has its disk.
    assert.match(await succeeds('host', 'reset', first, ...at), /^one disk removed, \S+ KiB freed\n$/);
    assert.equal(await withDisk(first), 1, 'fresh, while the server runs');
    await fails(6, 'DISK_IN_USE', 'image', 'rm', former.slice(0, 6), '--disks', ...at);
    await server.end('SIGTERM');
  }
  writeImage(image, 2);
  {
    await using server = await ServeProgram.start([image, ...flags]);
    assert.equal(await withDisk(second), 2);
    const { images } = JSON.parse(await succeeds('image', 'list', '--json', ...at));
    const states = new Map<string, string>(
      images.map(({ identity, state }: { identity: string; state: string }) => [identity, state]),
    );
    assert.equal(states.size, 2);
    assert.equal(states.get(former), 'former');
    assert.match(
      await succeeds('image', 'list', ...at),
      new RegExp(`^${former} +former +4 MiB +- +2 +\\S+ KiB +-$`, 'm'),
    );
    assert.match(await succeeds('image', 'show', former, ...at), new RegExp(`^ +${second} +\\S+ KiB taken$`, 'm'));
    await fails(6, 'IMAGE_IN_USE', 'image', 'rm', former, ...at);
    assert.match(await succeeds('image', 'rm', former, '--disks', ...at), /removed, \S+ KiB freed\n$/);
    assert.equal(await withDisk(second), 2, 'the current one is untouched');
    await fails(5, 'IMAGE_UNKNOWN', 'image', 'show', former, ...at);
    await fails(6, 'DISK_IN_USE', 'host', 'rm', second, ...at);
    await server.end('SIGTERM');
  }
  assert.match(await succeeds('host', 'rm', second, ...at), /^52:54:00:ab:cd:02 forgotten: one disk removed/);
  await fails(5, 'HOST_UNKNOWN', 'host', 'show', second, ...at);
  await fails(2, 'USAGE_HOST_MISSING', 'host', 'reset', ...at);
  await fails(2, 'USAGE_IMAGE_NOT_NAMED', 'image', 'rm', ...at);
  assert.deepEqual(
    readdirSync(join(data, 'disks')).filter((name) => name.startsWith(second)),
    [],
  );
});
