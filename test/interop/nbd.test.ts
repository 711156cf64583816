/** The NBD server against the clients of other makes, and the NBD client against their servers. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import type { Device } from '../../src/block/device.ts';
import { openFileDevice } from '../../src/block/file-device.ts';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { openNbdDevice } from '../../src/block/nbd-device.ts';
import { NbdServer } from '../../src/block/nbd-server.ts';
import { systemClock } from '../../src/os/clock.ts';
import { nodeFileSystem } from '../../src/os/node-file-system.ts';
import { nodeLocalSockets } from '../../src/os/node-local-sockets.ts';
import { startNbdServer } from '../support/nbd-server-program.ts';
import { requires } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const run = promisify(execFile);
const MIB = 1 << 20;
const timeout = 60_000;

/** Serves a device at a socket in a folder of the test's own. */
async function serve(t: TestContext, device: Device) {
  const path = join(temporaryDirectory(t), 'disk.sock');
  const failures: Error[] = [];
  const server = new NbdServer({ device, clock: systemClock, onFailure: (error) => failures.push(error) });
  const listener = await nodeLocalSockets.listen(path, (connection) => server.accept(connection));
  return {
    uri: `nbd+unix:///?socket=${path}`,
    path,
    failures,
    async [Symbol.asyncDispose]() {
      await listener.close();
      await server.close();
    },
  };
}

test('nbdinfo sees what the export is, and what can be done with it', async (t) => {
  if (!requires(t, 'nbdinfo')) return;
  await using served = await serve(t, new MemoryDevice(8 * MIB));
  const { exports } = JSON.parse((await run('nbdinfo', ['--json', served.uri], { timeout })).stdout);
  assert.equal(exports.length, 1);
  const [found] = exports;
  assert.equal(found['export-size'], 8 * MIB);
  assert.deepEqual(found.contexts, ['base:allocation']);
  assert.equal(found.is_read_only, false);
  for (const ability of ['can_cache', 'can_df', 'can_flush', 'can_fua', 'can_multi_conn', 'can_trim', 'can_zero']) {
    assert.equal(found[ability], true, ability);
  }
  const { stdout: list } = await run('nbdinfo', ['--list', served.uri], { timeout });
  assert.match(list, /export="":/);
  await assert.rejects(
    run('nbdinfo', [served.uri.replace('///', '///other')], { timeout }),
    /No such file or directory for export: other/,
  );
  assert.deepEqual(served.failures, []);
});

test('nbdinfo tells a read-only export', async (t) => {
  if (!requires(t, 'nbdinfo')) return;
  await using served = await serve(t, new MemoryDevice(MIB, { readOnly: true }));
  const { exports } = JSON.parse((await run('nbdinfo', ['--json', served.uri], { timeout })).stdout);
  assert.equal(exports[0].is_read_only, true);
  assert.equal(exports[0].can_zero, false);
});

test('nbdcopy writes a file to the export by several connections, and gets the same file back', async (t) => {
  if (!requires(t, 'nbdcopy', 'nbdinfo')) return;
  const folder = temporaryDirectory(t);
  const [source, disk, copy] = ['source', 'disk', 'copy'].map((name) => join(folder, name)) as [string, string, string];
  const content = randomBytes(40 * MIB);
  content.fill(0, 8 * MIB, 24 * MIB);
  writeFileSync(source, content);
  writeFileSync(disk, '');
  truncateSync(disk, content.length);
  const device = openFileDevice(nodeFileSystem, disk);
  t.after(() => device.close());
  await using served = await serve(t, device);
  await run('nbdcopy', ['--flush', '--connections=4', source, served.uri], { timeout });
  assert.ok(readFileSync(disk).equals(content));
  await run('nbdcopy', ['--connections=4', served.uri, copy], { timeout });
  assert.ok(readFileSync(copy).equals(content));
  assert.ok(statSync(disk).blocks * 512 < 30 * MIB, 'what was zeros is a hole');
  const { stdout } = await run('nbdinfo', ['--map', served.uri], { timeout });
  assert.match(stdout, /8388608 +16777216 +3 +hole,zero/);
  assert.deepEqual(served.failures, []);
});

test('qemu-io reads what it wrote, discards, writes zeros, and flushes', async (t) => {
  if (!requires(t, 'qemu-io')) return;
  const memory = new MemoryDevice(8 * MIB);
  await using served = await serve(t, memory);
  const commands = [
    'write -P 0x5a 0 1M',
    'write -f -P 0x77 1M 64k',
    'write -z 128k 64k',
    'write -zu 256k 64k',
    'discard 512k 64k',
    'flush',
    'read -P 0x5a 0 128k',
    'read -P 0 128k 64k',
    'read -P 0 256k 64k',
    'read -P 0 512k 64k',
    'read -P 0x77 1M 64k',
    'aio_write -P 1 2M 512k',
    'aio_write -P 2 3M 512k',
    'aio_flush',
    'read -P 1 2M 512k',
    'read -P 2 3M 512k',
  ];
  const { stdout, stderr } = await run(
    'qemu-io',
    ['-f', 'raw', ...commands.flatMap((each) => ['-c', each]), served.uri],
    { timeout },
  );
  assert.doesNotMatch(`${stdout}${stderr}`, /fail|error/i);
  assert.deepEqual(served.failures, []);
});

test('qemu-img converts to the export and compares with it', async (t) => {
  if (!requires(t, 'qemu-img')) return;
  const source = join(temporaryDirectory(t), 'source');
  writeFileSync(source, randomBytes(6 * MIB));
  await using served = await serve(t, new MemoryDevice(6 * MIB, { blockSize: 4096 }));
  await run('qemu-img', ['convert', '-n', '-f', 'raw', '-O', 'raw', source, served.uri], { timeout });
  const { stdout } = await run('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', source, served.uri], { timeout });
  assert.match(stdout, /identical/);
});

const servers: Readonly<Record<string, (socket: string, disk: string) => string[]>> = {
  nbdkit: (socket, disk) => ['-f', '-U', socket, 'file', disk],
  'qemu-nbd': (socket, disk) => ['-k', socket, '-f', 'raw', '-t', '-x', 'disk', '--cache=writeback', disk],
};

for (const [program, argumentsOf] of Object.entries(servers)) {
  test(`an export of ${program} is a Device: reads, writes, zeros, extents`, async (t) => {
    if (!requires(t, program)) return;
    const folder = temporaryDirectory(t);
    const [socket, disk] = [join(folder, 'socket'), join(folder, 'disk')];
    writeFileSync(disk, '');
    truncateSync(disk, 16 * MIB);
    await startNbdServer(t, program, argumentsOf(socket, disk), socket);
    const connection = await nodeLocalSockets.connect(socket);
    const device = await openNbdDevice(connection, { clock: systemClock, exportName: 'disk' });
    assert.equal(device.size, 16 * MIB);
    assert.equal(device.readOnly, false);
    const content = randomBytes(3 * MIB);
    await device.write(4 * MIB, [content.subarray(0, MIB), content.subarray(MIB)], { fua: true });
    await device.writeZeroes(5 * MIB, MIB);
    content.fill(0, MIB, 2 * MIB);
    assert.ok(Buffer.concat(await device.read(4 * MIB, 3 * MIB)).equals(content));
    const extents = await device.extents(0, device.size);
    const allocated = extents.filter((extent) => extent.allocated && !extent.zero);
    assert.equal(
      extents.reduce((sum, { length }) => sum + length, 0),
      device.size,
    );
    assert.deepEqual(allocated[0]?.offset, 4 * MIB);
    await assert.rejects(Promise.resolve(device.read(device.size, 512)), { code: 'DEVICE_IO' });
    await device.close();
    assert.ok(
      readFileSync(disk)
        .subarray(4 * MIB, 7 * MIB)
        .equals(content),
    );
  });
}

test('an export that qemu-nbd does not have is refused, and one that is read-only takes no writes', async (t) => {
  if (!requires(t, 'qemu-nbd')) return;
  const folder = temporaryDirectory(t);
  const [socket, disk] = [join(folder, 'socket'), join(folder, 'disk')];
  writeFileSync(disk, randomBytes(MIB));
  await startNbdServer(t, 'qemu-nbd', ['-k', socket, '-f', 'raw', '-t', '-r', '-x', 'disk', disk], socket);
  const open = async (exportName: string) =>
    openNbdDevice(await nodeLocalSockets.connect(socket), { clock: systemClock, exportName });
  await assert.rejects(open('other'), { code: 'NBD_EXPORT_UNKNOWN' });
  const device = await open('disk');
  assert.equal(device.readOnly, true);
  await assert.rejects(device.write(0, [new Uint8Array(512)]), { code: 'DEVICE_READ_ONLY' });
  await device.close();
});
