/** `diskless host` and `diskless image` beside a running server, and after it. */

import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { DisklessError } from '../../src/bytes/index.ts';
import { Initiator, openRemoteDevice, type Session } from '../../src/initiator/index.ts';
import { systemClock } from '../../src/os/clock.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';
import { encodeLun } from '../../src/scsi/lun.ts';
import { runCli } from '../cli/run-cli.ts';
import { writeBootableImage } from '../support/bootable-image.ts';
import { loopbackFlags, ServeProgram } from '../support/serve-program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const MIB = 1 << 20;
const [first, second] = ['52:54:00:ab:cd:01', '52:54:00:ab:cd:02'] as const;

function writeImage(path: string, value: number): void {
  const content = Buffer.alloc(4 * MIB, value);
  writeBootableImage(path, content);
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

interface Rig {
  /** `--data DIR` */
  readonly at: readonly string[];
  readonly data: string;
  /** Arguments of a server over an image of bytes 1. */
  readonly serve: readonly string[];
  login(mac: string): Promise<Session>;
}

async function rigOf(t: TestContext): Promise<Rig> {
  const directory = temporaryDirectory(t);
  const image = join(directory, 'golden.img');
  writeImage(image, 1);
  const data = join(directory, 'data');
  const { flags, iscsiPort } = await loopbackFlags(data);
  const initiatorName = 'iqn.2001-04.com.example:client';
  const initiator = new Initiator({ network: nodeNetwork, clock: systemClock, initiatorName });
  return {
    at: ['--data', data],
    data,
    serve: [image, ...flags],
    login: (mac) => {
      const target = `iqn.2026-11.internal.diskless:${mac.replaceAll(':', '-')}`;
      return initiator.login({ host: '127.0.0.1', port: iscsiPort }, target);
    },
  };
}

/** Writes where there is something to write, and gives the byte that is there then. */
async function diskSays(session: Session, value?: number): Promise<number | undefined> {
  const device = await openRemoteDevice(session, encodeLun(0), systemClock);
  if (value !== undefined) await device.write(MIB, [new Uint8Array(65_536).fill(value)]);
  await device.flush();
  return (await device.read(MIB, 512))[0]?.[0];
}

test('machines and images are listed, reset and removed, but not what a server has open', async (t) => {
  const { at, data, serve, login } = await rigOf(t);
  const [image = ''] = serve;
  const withDisk = async (mac: string, value?: number): Promise<number | undefined> => {
    await using session = await login(mac);
    return await diskSays(session, value);
  };
  await fails(5, 'DATA_NOT_FOUND', 'host', 'list', ...at);
  assert.ok(!existsSync(data), 'looking makes nothing');
  let former = '';
  {
    await using server = await ServeProgram.start(serve);
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
    await using server = await ServeProgram.start(serve);
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
    await using server = await ServeProgram.start(serve);
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

/** A server to which both machines are connected goes away, so that neither of them logs out. */
async function cutOff({ serve, login, at }: Rig, command: 'reset' | 'rm'): Promise<void> {
  await using server = await ServeProgram.start(serve);
  await using session = await login(first);
  await using other = await login(second);
  assert.deepEqual([await diskSays(session, 7), await diskSays(other, 8)], [7, 8]);
  await fails(6, 'DISK_IN_USE', 'host', command, first, ...at);
  await fails(6, 'DISK_IN_USE', 'host', command, first, '--off', ...at);
  assert.equal(await diskSays(session), 7, 'it is all still there');
  assert.equal(await server.end('SIGTERM'), 0);
}

async function isRefused(rig: Rig, server: ServeProgram, mac: string): Promise<void> {
  const isRemoved = (error: unknown) => error instanceof DisklessError && error.code === 'ISCSI_TARGET_NOT_FOUND';
  await assert.rejects(rig.login(mac), isRemoved);
  const { text } = await server.said('trouble', ({ code }) => code === 'ISCSI_LOGIN_REFUSED');
  assert.match(text, /was removed: .*start it again, or tell "diskless host reset --off" that it is off$/);
}

const disksOf = ({ data }: Rig, mac: string) => readdirSync(join(data, 'disks')).filter((name) => name.startsWith(mac));

for (const [command, removed, nothing] of [
  ['reset', /^one disk removed, \S+ KiB freed\n$/, /^there was no disk to remove\n$/],
  [
    'rm',
    /^52:54:00:ab:cd:0\d forgotten: one disk removed/,
    /^52:54:00:ab:cd:01 forgotten: there was no disk to remove\n$/,
  ],
] as const) {
  test(`host ${command}: a system that was cut off is given a fresh disk once --off says that it has ended, and not before`, async (t) => {
    const rig = await rigOf(t);
    const { at, serve, login } = rig;
    // What is refused does not say that the machine is off either.
    await cutOff(rig, command);
    assert.match(await succeeds('host', command, first, ...at), removed);
    assert.match(await succeeds('host', command, second, '--off', ...at), removed);
    await using server = await ServeProgram.start(serve);
    {
      await using session = await login(second);
      assert.equal(await diskSays(session), 1, 'fresh');
    }
    await isRefused(rig, server, first);
    assert.deepEqual(disksOf(rig, first), [], 'none is made under it');
    // Once more without it changes nothing.
    assert.match(await succeeds('host', command, first, ...at), nothing);
    await isRefused(rig, server, first);
    assert.match(await succeeds('host', command, first, '--off', ...at), nothing);
    await using session = await login(first);
    assert.equal(await diskSays(session), 1, 'fresh, while the server runs');
  });
}

test('a machine that was forgotten while it ran can still be declared off', async (t) => {
  const rig = await rigOf(t);
  const { at, serve, login } = rig;
  await cutOff(rig, 'rm');
  await succeeds('host', 'rm', first, ...at);
  const { hosts } = JSON.parse(await succeeds('host', 'list', '--json', ...at));
  assert.equal(hosts.length, 1);
  await succeeds('host', 'rm', first, '--off', ...at);
  await fails(5, 'HOST_UNKNOWN', 'host', 'rm', first, '--off', ...at);
  await using _server = await ServeProgram.start(serve);
  await using session = await login(first);
  assert.equal(await diskSays(session), 1);
});
