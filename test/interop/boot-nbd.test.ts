/** `diskless boot --nbd`: the disk that a boot finds, in the hands of NBD clients of other makes. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { openNbdDevice } from '../../src/block/nbd-device.ts';
import { systemClock } from '../../src/os/clock.ts';
import { nodeLocalSockets } from '../../src/os/node-local-sockets.ts';
import { BootProgram } from '../support/boot-program.ts';
import { freePort } from '../support/free-port.ts';
import { requires } from '../support/requires.ts';
import { PROGRAM_TARGET_NAME, TargetProgram } from '../support/target-program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const run = promisify(execFile);
const MIB = 1 << 20;
const timeout = 60_000;

function rootPath(port: number): string {
  return `iscsi:127.0.0.1::${port}::${PROGRAM_TARGET_NAME}`;
}

function emptyDisk(folder: string, size: number): string {
  const disk = join(folder, 'disk.img');
  writeFileSync(disk, '');
  truncateSync(disk, size);
  return disk;
}

test('nbdcopy fills the disk and reads it back, and the program ends well by a signal', async (t) => {
  if (!requires(t, 'nbdcopy', 'nbdinfo')) return;
  const folder = temporaryDirectory(t);
  const disk = emptyDisk(folder, 24 * MIB);
  await using target = await TargetProgram.start(disk);
  const socket = join(folder, 'socket');
  await using program = await BootProgram.start('--root-path', rootPath(target.port), '--nbd', socket);
  const uri = `nbd+unix:///?socket=${socket}`;
  assert.equal(program.handedOver, `the disk is at ${uri} until this program ends`);
  const { exports } = JSON.parse((await run('nbdinfo', ['--json', uri], { timeout })).stdout);
  assert.match(exports[0].description, new RegExp(`^${PROGRAM_TARGET_NAME} at 127\\.0\\.0\\.1$`));
  const [source, copy] = [join(folder, 'source'), join(folder, 'copy')];
  const content = randomBytes(24 * MIB);
  content.fill(0, 4 * MIB, 6 * MIB);
  writeFileSync(source, content);
  await run('nbdcopy', ['--flush', source, uri], { timeout });
  await run('nbdcopy', [uri, copy], { timeout });
  assert.ok(readFileSync(copy).equals(content));
  assert.equal(await program.stop('SIGINT'), 0);
  assert.equal(existsSync(socket), false);
  assert.deepEqual(program.complaints, []);
  assert.ok(readFileSync(disk).equals(content));
});

test('at an address and a port, and as one JSON document', async (t) => {
  if (!requires(t, 'qemu-io')) return;
  const folder = temporaryDirectory(t);
  await using target = await TargetProgram.start(emptyDisk(folder, MIB));
  await using program = await BootProgram.start('--root-path', rootPath(target.port), '--nbd', '127.0.0.1:0');
  const uri = /nbd:\S+/.exec(program.handedOver)?.[0] ?? '';
  const { stdout } = await run('qemu-io', ['-f', 'raw', '-c', 'write -P 1 0 4k', '-c', 'read -P 1 0 4k', uri], {
    timeout,
  });
  assert.doesNotMatch(stdout, /fail/i);
  assert.equal(await program.stop(), 0);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} ends the program under a client that stays: its connection is ended, and the socket is gone`, async (t) => {
    const folder = temporaryDirectory(t);
    const disk = emptyDisk(folder, MIB);
    await using target = await TargetProgram.start(disk);
    const socket = join(folder, 'socket');
    await using program = await BootProgram.start('--root-path', rootPath(target.port), '--nbd', socket);
    const device = await openNbdDevice(await nodeLocalSockets.connect(socket), { clock: systemClock, timeout });
    const data = new Uint8Array(4096).fill(7);
    await device.write(0, [data]);
    assert.equal(await program.stop(signal), 0);
    assert.deepEqual(program.complaints, []);
    assert.equal(existsSync(socket), false);
    await assert.rejects(device.read(0, 4096) as Promise<unknown>);
    assert.ok(readFileSync(disk).subarray(0, 4096).equals(data));
  });
}

test('a signal while the target is away ends the program in bounded time, and says what may be lost', async (t) => {
  const folder = temporaryDirectory(t);
  await using target = await TargetProgram.start(emptyDisk(folder, MIB));
  const socket = join(folder, 'socket');
  await using program = await BootProgram.start('--root-path', rootPath(target.port), '--nbd', socket);
  await target.stop('SIGKILL');
  assert.equal(await program.stop('SIGINT'), 130);
  assert.match(program.complaints.join('\n'), /BOOT_DISK_AWAY/);
  assert.equal(existsSync(socket), false);
});

test('a socket that a killed program has left is in nobody’s way', async (t) => {
  const folder = temporaryDirectory(t);
  await using target = await TargetProgram.start(emptyDisk(folder, MIB));
  const socket = join(folder, 'socket');
  const flags = ['--root-path', rootPath(target.port), '--nbd', socket];
  const killed = await BootProgram.start(...flags);
  await killed.stop('SIGKILL');
  assert.ok(existsSync(socket), 'it is left');
  await using program = await BootProgram.start(...flags);
  assert.equal(await program.stop(), 0);
  assert.equal(existsSync(socket), false);
});

test('a socket that is taken is an error of its own, and the session is closed', async (t) => {
  const folder = temporaryDirectory(t);
  await using target = await TargetProgram.start(emptyDisk(folder, MIB));
  const taken = join(folder, 'taken');
  writeFileSync(taken, '');
  await assert.rejects(BootProgram.start('--root-path', rootPath(target.port), '--nbd', taken), /SOCKET_IN_USE/);
});

/** A target that is killed and started again at the same port, and the disk of a boot from it at a socket. */
async function mortalTarget(t: TestContext, size: number) {
  const folder = temporaryDirectory(t);
  const disk = emptyDisk(folder, size);
  const port = await freePort();
  const start = () => TargetProgram.start(disk, '--listen', `127.0.0.1:${port}`);
  let target = await start();
  const socket = join(folder, 'socket');
  const program = await BootProgram.start('--root-path', rootPath(port), '--nbd', socket);
  return {
    folder,
    disk,
    program,
    socket,
    uri: `nbd+unix:///?socket=${socket}`,
    /** Does something while the target stands still, kills it, does more while it is away, and brings it back. */
    async killWhile(standing: () => void, away: () => void): Promise<void> {
      target.freeze();
      standing();
      await target.stop('SIGKILL');
      away();
      target = await start();
    },
    async [Symbol.asyncDispose]() {
      await program.stop('SIGKILL');
      await target.stop('SIGKILL');
    },
  };
}

test('the target is killed and started again: what was under way is done in the next session, and nothing that was acknowledged is lost', async (t) => {
  await using mortal = await mortalTarget(t, 16 * MIB);
  const device = await openNbdDevice(await nodeLocalSockets.connect(mortal.socket), {
    clock: systemClock,
    timeout: timeout,
  });
  const size = 64 << 10;
  const blockOf = (number: number): Uint8Array => new Uint8Array(size).fill(number + 1);
  let blocks = 0;
  const write = (count: number): Promise<unknown> => {
    const numbers = Array.from({ length: count }, (_, index) => blocks + index);
    blocks += count;
    return Promise.all(numbers.map((number) => device.write(number * size, [blockOf(number)])));
  };
  for (let kills = 0; kills < 2; kills++) {
    // Nobody flushes: what is acknowledged must be there even so.
    await write(20);
    const rest: Promise<unknown>[] = [];
    await mortal.killWhile(
      () => rest.push(write(20), device.read(0, 20 * size)),
      () => rest.push(write(20), device.flush()),
    );
    await Promise.all(rest);
  }
  for (let number = 0; number < blocks; number++) {
    assert.deepEqual(Buffer.concat(await device.read(number * size, size)), Buffer.from(blockOf(number)));
  }
  await device.close();
  assert.equal(await mortal.program.stop(), 0);
  const content = readFileSync(mortal.disk);
  for (let number = 0; number < blocks; number++) {
    assert.ok(content.subarray(number * size, (number + 1) * size).equals(blockOf(number)), `block ${number}`);
  }
  assert.deepEqual(mortal.program.complaints, []);
});

test('nbdcopy notices nothing of a target that is killed and started again under it, but the time', async (t) => {
  if (!requires(t, 'nbdcopy')) return;
  await using mortal = await mortalTarget(t, 32 * MIB);
  const [source, copy] = [join(mortal.folder, 'source'), join(mortal.folder, 'copy')];
  const content = randomBytes(32 * MIB);
  writeFileSync(source, content);
  for (const files of [
    [source, mortal.uri],
    [mortal.uri, copy],
  ]) {
    let copying: Promise<unknown> | undefined;
    await mortal.killWhile(
      () => {
        copying = run('nbdcopy', ['--flush', ...files], { timeout });
      },
      () => {},
    );
    await copying;
  }
  assert.ok(readFileSync(mortal.disk).equals(content));
  assert.ok(readFileSync(copy).equals(content));
});

test('a target that comes back with another disk is not written to: the program ends, and says why', async (t) => {
  await using mortal = await mortalTarget(t, 16 * MIB);
  const device = await openNbdDevice(await nodeLocalSockets.connect(mortal.socket), {
    clock: systemClock,
    timeout: timeout,
  });
  let writing: Promise<unknown> | undefined;
  const other = Buffer.alloc(8 * MIB, 'another disk');
  await mortal.killWhile(
    () => {
      writing = assert.rejects(async () => device.write(0, [new Uint8Array(MIB).fill(1)]));
    },
    () => writeFileSync(mortal.disk, other),
  );
  assert.notEqual(await mortal.program.ended(), 0);
  await writing;
  assert.match(
    mortal.program.complaints.join('\n'),
    /LUN 0 of .* is another disk since the target is back: it has 16384 blocks/,
  );
  assert.ok(readFileSync(mortal.disk).equals(other));
});
