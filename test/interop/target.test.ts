/** `diskless target` and initiators that others wrote: libiscsi's tools, QEMU, Wireshark's dissector. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { seededRandom } from '../support/random.ts';
import { requires, root } from '../support/requires.ts';
import { PROGRAM_TARGET_NAME, runToItsEnd, TargetProgram } from '../support/target-program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { Wireshark } from '../support/wireshark.ts';

const MIB = 1 << 20;

/** A disk image of `mib` MiB with something in it at both ends, and holes between. */
function diskImage(t: TestContext, mib: number): string {
  const path = join(temporaryDirectory(t), 'disk.img');
  const random = seededRandom(mib);
  const content = Uint8Array.from({ length: MIB }, () => random.below(256));
  writeFileSync(path, content);
  truncateSync(path, mib * MIB);
  const file = openSync(path, 'r+');
  writeSync(file, content, 0, content.length, (mib - 1) * MIB);
  return path;
}

/** Runs a program to its end beside this process' own work; fails when it fails. */
async function run(program: string, ...args: readonly string[]): Promise<string> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  const text = Buffer.concat(output).toString();
  assert.equal(code, 0, `${program} ${args.join(' ')}:\n${text}`);
  return text;
}

test('libiscsi’s tools see the target, the unit and its pages', async (t) => {
  if (!requires(t, 'iscsi-ls', 'iscsi-inq', 'iscsi-readcapacity16')) return;
  await using target = await TargetProgram.start(diskImage(t, 8));
  const list = await run('iscsi-ls', '-s', `iscsi://${target.portal}`);
  assert.match(list, new RegExp(`Target:${PROGRAM_TARGET_NAME} Portal:${target.portal},1`));
  assert.match(list, /Lun:0 +Type:DIRECT_ACCESS/);
  const inquiry = await run('iscsi-inq', target.url);
  assert.match(inquiry, /Vendor:DISKLESS/);
  assert.match(inquiry, /Version:6/);
  const capacity = await run('iscsi-readcapacity16', target.url);
  assert.match(capacity, /RETURNED LOGICAL BLOCK ADDRESS:16383/);
  assert.match(capacity, /LOGICAL BLOCK LENGTH IN BYTES:512/);
  assert.match(capacity, /LBPME:1 LBPRZ:1/);
  const pages: readonly (readonly [number, RegExp])[] = [
    [0x00, /0x00.*0x80.*0x83.*0xb0.*0xb1.*0xb2/s],
    [0x80, /[0-9a-f]{32}/],
    [0x83, new RegExp(`${PROGRAM_TARGET_NAME},t,0x0001.*DISKLESS[0-9a-f]{32}`, 's')],
    [0xb0, /maximum transfer length:65536/i],
    [0xb1, /NON.?ROTATING|Medium Rotation Rate:1/i],
    [0xb2, /lbpu:1/i],
  ];
  for (const [page, expected] of pages) {
    assert.match(await run('iscsi-inq', '-e', '1', '-c', String(page), target.url), expected, `page ${page}`);
  }
});

test('blocks of 4096 bytes', async (t) => {
  if (!requires(t, 'iscsi-readcapacity16')) return;
  await using target = await TargetProgram.start(diskImage(t, 8), '--block-size', '4096');
  const capacity = await run('iscsi-readcapacity16', target.url);
  assert.match(capacity, /RETURNED LOGICAL BLOCK ADDRESS:2047/);
  assert.match(capacity, /LOGICAL BLOCK LENGTH IN BYTES:4096/);
});

test('QEMU reads the disk as it is', async (t) => {
  if (!requires(t, 'qemu-img')) return;
  const image = diskImage(t, 64);
  await using target = await TargetProgram.start(image, '--read-only');
  assert.match(await run('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', image, target.url), /identical/);
});

test('what QEMU writes is in the file once it was flushed, even when the target is killed', async (t) => {
  if (!requires(t, 'qemu-io')) return;
  const image = diskImage(t, 64);
  const target = await TargetProgram.start(image);
  const random = seededRandom(7);
  const expected = readFileSync(image);
  const commands: string[] = [];
  for (let count = 0; count < 60; count++) {
    const length = (1 + random.below(600)) * 512;
    const offset = random.below((64 * MIB - length) / 512) * 512;
    const byte = random.below(256);
    commands.push('-c', `write -q -P ${byte} ${offset} ${length}`, '-c', `read -q -P ${byte} ${offset} ${length}`);
    expected.fill(byte, offset, offset + length);
  }
  const output = await run('qemu-io', '-f', 'raw', ...commands, '-c', 'flush', target.url);
  assert.doesNotMatch(output, /failed|error/i);
  await target.stop('SIGKILL');
  assert.ok(readFileSync(image).equals(expected));
});

test('discarded ranges read as zeros and become holes', async (t) => {
  if (!requires(t, 'qemu-io')) return;
  const image = diskImage(t, 8);
  await using target = await TargetProgram.start(image);
  const output = await run(
    'qemu-io',
    '-f',
    'raw',
    '-d',
    'unmap',
    '-c',
    'discard 0 1M',
    '-c',
    'read -P 0 0 1M',
    target.url,
  );
  assert.doesNotMatch(output, /failed|verification/i);
  assert.equal(await target.stop(), 0);
  const zeros = readFileSync(image).subarray(0, MIB);
  assert.ok(zeros.every((byte) => byte === 0));
});

test('a busy target that is told to stop ends with 0', async (t) => {
  if (!requires(t, 'iscsi-perf')) return;
  const image = diskImage(t, 64);
  const target = await TargetProgram.start(image);
  const load = spawn('iscsi-perf', ['-m', '16', '-b', '8', '-t', '20', target.url], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(load.stdout, 'data');
  assert.equal(await target.stop('SIGTERM'), 0);
  load.kill('SIGKILL');
  await once(load, 'close');
});

test('Wireshark finds nothing wrong with our PDUs', async (t) => {
  if (!requires(t, 'tshark', 'iscsi-test-cu', 'iscsi-inq', root)) return;
  await using target = await TargetProgram.start(diskImage(t, 8));
  const wireshark = await Wireshark.start(t, target.port, (name) =>
    run('iscsi-ls', '-i', name, `iscsi://${target.portal}`),
  );
  // Not page 83h: clients ask for its first 64 bytes to begin with, and the dissector calls a list that was cut short malformed.
  for (const page of ['0', '128', '176', '177', '178']) await run('iscsi-inq', '-e', '1', '-c', page, target.url);
  for (const name of ['Read6.Simple', 'ModeSense6.AllPages', 'iSCSIResiduals.Write10Residuals', 'iSCSIdatasn']) {
    await run('iscsi-test-cu', '-d', '-t', `ALL.${name}`, target.url);
  }
  await wireshark.stop();
  assert.notDeepEqual(wireshark.fields('iscsi.opcode == 0x25', 'frame.number'), [], 'Data-In PDUs are in the capture');
  assert.deepEqual(wireshark.complaints(`tcp.srcport == ${target.port}`), []);
});

test('what goes wrong at the start is said in one line', async (t) => {
  const image = diskImage(t, 2);
  const taken = createServer().listen(0, '127.0.0.1');
  t.after(() => taken.close());
  await once(taken, 'listening');
  const address = taken.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const odd = join(temporaryDirectory(t), 'odd.img');
  writeFileSync(odd, new Uint8Array(1000));
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['/nonexistent.img'], 5, /FILE_NOT_FOUND/],
    [[image, '--listen', `127.0.0.1:${port}`], 4, /NETWORK_PORT_IN_USE/],
    [[image, '--listen', 'here'], 2, /--listen: .*USAGE_VALUE_INVALID/],
    [[image, '--block-size', '1000'], 2, /--block-size: .*USAGE_VALUE_INVALID/],
    [[image, '--name', 'disk'], 2, /--name: .*USAGE_VALUE_INVALID/],
    [[odd], 1, /DEVICE_SIZE/],
  ];
  for (const [args, code, message] of cases) {
    const ended = await runToItsEnd(['target', ...args]);
    assert.match(ended.stderr, message);
    assert.equal(ended.stderr.split('\n').length, 1, ended.stderr);
    assert.equal(ended.code, code, ended.stderr);
  }
});
