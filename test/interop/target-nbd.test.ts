/** `diskless target` over an export of an NBD server: what QEMU can open is an iSCSI disk. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { startNbdServer } from '../support/nbd-server-program.ts';
import { file, requires } from '../support/requires.ts';
import { runToItsEnd, TargetProgram } from '../support/target-program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const run = promisify(execFile);
const MIB = 1 << 20;
const timeout = 60_000;

const iscsiModule = file('/usr/lib/x86_64-linux-gnu/qemu/block-iscsi.so');

test('a qcow2 image behind qemu-nbd is an iSCSI disk, read and written', async (t) => {
  if (!requires(t, 'qemu-nbd', 'qemu-img', iscsiModule)) return;
  const folder = temporaryDirectory(t);
  const [socket, raw, image] = ['socket', 'raw', 'image.qcow2'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const content = randomBytes(8 * MIB);
  content.fill(0, MIB, 3 * MIB);
  writeFileSync(raw, content);
  await run('qemu-img', ['create', '-f', 'qcow2', image, '8M'], { timeout });
  await startNbdServer(t, 'qemu-nbd', ['-k', socket, '-f', 'qcow2', '-t', '-x', 'disk', image], socket);
  await using target = await TargetProgram.start(`nbd+unix:///disk?socket=${socket}`);
  await run('qemu-img', ['convert', '-n', '-f', 'raw', '-O', 'raw', raw, target.url], { timeout });
  const { stdout } = await run('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', raw, target.url], { timeout });
  assert.match(stdout, /identical/);
  assert.equal(await target.stop(), 0);
});

test('a server that is not there is one clear error', async (t) => {
  const nowhere = `nbd+unix:///?socket=${join(temporaryDirectory(t), 'socket')}`;
  const { code, stderr } = await runToItsEnd(['target', nowhere, '--listen', '127.0.0.1:0']);
  assert.equal(code, 5);
  assert.match(stderr, /^diskless: cannot connect to \S+: ENOENT \(SOCKET_NOT_FOUND\)\. [^\n]+$/);
  const wrong = await runToItsEnd(['target', 'nbds://192.0.2.5/', '--listen', '127.0.0.1:0']);
  assert.match(wrong.stderr, /NBD_URI/);
});
