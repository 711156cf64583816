/** A full file system under `diskless target` and `diskless serve`, with QEMU's and udhcpc's eyes. */

import assert from 'node:assert/strict';
import { readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Initiator, openRemoteDevice, type RemoteDevice, ScsiError } from '../../src/initiator/index.ts';
import { systemClock } from '../../src/os/clock.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';
import { encodeLun } from '../../src/scsi/lun.ts';
import { writeBootableImage } from '../support/bootable-image.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { loopbackFlags, ServeProgram } from '../support/serve-program.ts';
import { makeServedNetwork, run } from '../support/served-network.ts';
import { BLOCK, SmallFileSystem, smallFileSystemTools } from '../support/small-file-system.ts';
import { PROGRAM_TARGET_NAME, TargetProgram } from '../support/target-program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { askForAddress } from '../support/udhcpc.ts';

const MIB = 1 << 20;
const MACHINE = 'iqn.2026-11.internal.diskless:52-54-00-ab-cd-01';

/** What QEMU says to a list of commands of qemu-io, whether they fail or not. */
async function qemuIo(url: string, commands: readonly string[], wrapper: readonly string[] = []): Promise<string> {
  const script = commands.flatMap((command) => ['-c', command]);
  const { stdout, stderr } = await run([...wrapper, 'qemu-io', '-f', 'raw', '-t', 'none', ...script, url]);
  return stdout.toString() + stderr;
}

async function works(url: string, commands: readonly string[], wrapper?: readonly string[]): Promise<void> {
  const said = await qemuIo(url, commands, wrapper);
  assert.doesNotMatch(said, /failed|error|can't open/i, commands.join('; '));
}

async function openDisk(port: number, target: string): Promise<{ readonly device: RemoteDevice } & AsyncDisposable> {
  const initiatorName = 'iqn.2001-04.com.example:client';
  const initiator = new Initiator({ network: nodeNetwork, clock: systemClock, initiatorName });
  const session = await initiator.login({ host: '127.0.0.1', port }, target);
  const device = await openRemoteDevice(session, encodeLun(0), systemClock);
  return { device, [Symbol.asyncDispose]: () => session[Symbol.asyncDispose]() };
}

/** DATA PROTECT, SPACE ALLOCATION FAILED WRITE PROTECT (SBC-3). */
function isOutOfSpace(error: unknown): boolean {
  const { cause } = error as Error;
  return cause instanceof ScsiError && cause.sense?.key === 0x7 && cause.sense.code === 0x2707;
}

for (const kind of ['tmpfs', 'ext4'] as const) {
  test(`diskless target: a WRITE that finds ${kind} full fails with 07h/27h/07h, and all else goes on`, async (t) => {
    if (!requires(t, root, 'qemu-io', ...smallFileSystemTools[kind])) return;
    const disk = new SmallFileSystem(t, kind, 4 * MIB);
    const image = join(disk.path, 'disk.img');
    writeFileSync(image, '');
    truncateSync(image, 16 * MIB);
    const target = await TargetProgram.start(image);
    t.after(() => target.stop('SIGKILL'));
    await works(target.url, ['write -P 1 0 1M', 'flush']);
    disk.fill();
    assert.match(await qemuIo(target.url, ['write -P 2 8M 64k']), /write failed: No space left on device/);
    {
      await using remote = await openDisk(target.port, PROGRAM_TARGET_NAME);
      const { device } = remote;
      await assert.rejects(device.write(9 * MIB, [new Uint8Array(MIB)]), isOutOfSpace);
      await device.write(4096, [new Uint8Array(4096).fill(7)]);
      await device.flush();
      assert.ok(Buffer.concat(await device.read(4096, 4096)).equals(Buffer.alloc(4096, 7)), 'room that is had is kept');
      // What is given back makes room.
      await device.unmap(512 * 1024, 512 * 1024);
      await device.write(8 * MIB, [new Uint8Array(65_536).fill(2)]);
      await device.flush();
    }
    disk.free();
    await works(target.url, ['write -P 3 10M 1M', 'flush']);
    await target.stop('SIGKILL');
    await using again = await TargetProgram.start(image);
    await works(again.url, ['read -P 1 8k 504k', 'read -P 7 4k 4k', 'read -P 2 8M 64k', 'read -P 3 10M 1M']);
  });
}

/** Says 0xaa everywhere, but for its boot sector: a block that fails to be written must not read as a hole. */
function goldenImage(directory: string, size: number): string {
  const path = join(directory, 'golden.img');
  const content = Buffer.alloc(size, 0xaa);
  writeBootableImage(path, content);
  return path;
}

test('diskless serve: a full --data fails writes of new blocks only, and loses nothing that was acknowledged', async (t) => {
  if (!requires(t, root, 'qemu-io', ...smallFileSystemTools.ext4)) return;
  const disk = new SmallFileSystem(t, 'ext4', 8 * MIB);
  const image = goldenImage(temporaryDirectory(t), 16 * MIB);
  const { flags, iscsiPort } = await loopbackFlags(join(disk.path, 'data'));
  const url = `iscsi://127.0.0.1:${iscsiPort}/${MACHINE}/0`;
  {
    await using server = await ServeProgram.start([image, ...flags]);
    await works(url, ['write -P 1 64k 256k', 'flush', 'read -P 0xaa 512k 64k']);
    disk.fill();
    assert.match(await qemuIo(url, ['write -P 2 8M 64k']), /write failed: No space left on device/);
    const trouble = await server.said('trouble', ({ code }) => code === 'DISK_FAILED');
    assert.match(trouble.text, /cannot write .*ENOSPC/);
    assert.equal(trouble.mac, '52:54:00:ab:cd:01');
    // What it has is read and overwritten, what failed reads as before, and the machine can still log in.
    await works(url, ['write -P 5 64k 4k', 'flush', 'read -P 5 64k 4k', 'read -P 1 68k 252k']);
    await works(url, ['read -P 0xaa 8M 64k']);
    await server.end('SIGKILL');
  }
  {
    await using _server = await ServeProgram.start([image, ...flags]);
    await works(url, ['read -P 5 64k 4k', 'read -P 1 68k 252k', 'read -P 0xaa 8M 64k']);
    disk.free();
    await works(url, ['write -P 2 8M 64k', 'flush', 'read -P 2 8M 64k']);
  }
});

test('diskless serve: what was acknowledged is not lost when there is no room for the map', async (t) => {
  if (!requires(t, root, ...smallFileSystemTools.tmpfs)) return;
  const disk = new SmallFileSystem(t, 'tmpfs', 8 * MIB);
  const image = goldenImage(temporaryDirectory(t), 192 * MIB);
  const data = join(disk.path, 'data');
  const { flags, iscsiPort } = await loopbackFlags(data);
  const filled = (value: number) => new Uint8Array(BLOCK).fill(value);
  const allocated = (suffix: string) => {
    const name = readdirSync(join(data, 'disks')).find((file) => file.endsWith(suffix)) ?? '';
    return statSync(join(data, 'disks', name)).blocks;
  };
  {
    await using server = await ServeProgram.start([image, ...flags]);
    await using remote = await openDisk(iscsiPort, MACHINE);
    const { device } = remote;
    await device.write(0, [filled(1)]);
    await device.flush();
    // A page of the map stands for 64 MiB of disk: a first block there takes a page of the live map as well.
    disk.fill(1);
    await assert.rejects(device.write(64 * MIB, [filled(2)]), isOutOfSpace);
    assert.ok(Buffer.concat(await device.read(64 * MIB, BLOCK)).equals(Buffer.alloc(BLOCK, 0xaa)), 'the image’s');
    disk.free();
    // Room for the block and the live map, but not for the durable one: the flush says so.
    disk.fill(2);
    const before = allocated('.map');
    await device.write(128 * MIB, [filled(3)]);
    await assert.rejects(async () => device.flush(), isOutOfSpace);
    assert.equal(allocated('.map'), before);
    assert.ok(Buffer.concat(await device.read(128 * MIB, BLOCK)).equals(Buffer.from(filled(3))));
    await server.end('SIGKILL');
  }
  {
    await using server = await ServeProgram.start([image, ...flags]);
    await using remote = await openDisk(iscsiPort, MACHINE);
    const { device } = remote;
    for (const [offset, value] of [
      [0, 1],
      [64 * MIB, 0xaa],
      [128 * MIB, 3],
    ] as const) {
      assert.ok(Buffer.concat(await device.read(offset, BLOCK)).equals(Buffer.alloc(BLOCK, value)), `at ${offset}`);
    }
    disk.free();
    await device.flush();
    await device.write(64 * MIB, [filled(2)]);
    assert.equal(await server.end('SIGTERM'), 0);
  }
  await using _server = await ServeProgram.start([image, ...flags]);
  await using remote = await openDisk(iscsiPort, MACHINE);
  assert.ok(Buffer.concat(await remote.device.read(64 * MIB, BLOCK)).equals(Buffer.from(filled(2))));
});

test('diskless serve: no DHCPACK for a lease that cannot be kept, and machines that are known get their disks', async (t) => {
  if (!requires(t, root, networkNamespaces, 'ip', 'udhcpc', 'qemu-io', ...smallFileSystemTools.tmpfs)) return;
  const disk = new SmallFileSystem(t, 'tmpfs', 8 * MIB);
  const directory = temporaryDirectory(t);
  await using network = makeServedNetwork('full');
  const { onServer, onClient, serverInterface } = network;
  const data = join(disk.path, 'data');
  const where = ['--interface', serverInterface, '--data', data, '--dhcp', 'full', '--loader-dir', 'off'];
  const args = [goldenImage(directory, 16 * MIB), ...where];
  const ask = async () => (await askForAddress(network, directory, 2))?.address;
  const url = `iscsi://${network.serverAddress}/${MACHINE}/0`;
  const stranger = `iscsi://${network.serverAddress}/${MACHINE.replace('cd-01', 'cd-02')}/0`;
  let address: string | undefined;
  {
    await using server = await ServeProgram.start(args, onServer);
    address = await ask();
    assert.ok(address);
    await works(url, ['write -P 1 64k 4k', 'flush'], onClient);
    disk.fill();
    assert.equal(await ask(), undefined, 'no ACK');
    const trouble = await server.said('trouble', ({ code }) => code === 'FLEET_NO_SPACE');
    assert.match(trouble.text, /cannot write the state in .*state\.db: database or disk is full/);
    await server.end('SIGKILL');
  }
  await using _server = await ServeProgram.start(args, onServer);
  await works(url, ['read -P 1 64k 4k', 'read -P 0xaa 1M 4k'], onClient);
  assert.match(await qemuIo(stranger, ['read 0 4k'], onClient), /Service Unavailable/i);
  disk.free();
  assert.equal(await ask(), address);
  await works(stranger, ['read -P 0xaa 4k 4k'], onClient);
});
