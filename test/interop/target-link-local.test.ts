/** `diskless target` at a link-local address, which each end writes with its own interface behind it (RFC 4007 §11). */

import assert from 'node:assert/strict';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Ipv6Pair } from '../support/ipv6-pair.ts';
import { end, said } from '../support/namespace-pair.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const program = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');
const targetName = 'iqn.2024-01.com.example:disk';

test('a target listens at a link-local address, and tells it without the name of an interface of its own', async (t) => {
  if (!requires(t, 'ip', root, networkNamespaces)) return;
  await using stack = new AsyncDisposableStack();
  const pair = stack.use(new Ipv6Pair('link-local', '52:54:00:42:00:0c'));
  const [, address] = /(fe80::[0-9a-f:]+)\//.exec(pair.addresses('server')) ?? [];
  const disk = join(temporaryDirectory(t), 'disk.img');
  writeFileSync(disk, '');
  truncateSync(disk, 1 << 20);
  const listen = ['--name', targetName, '--listen', `[${address}%server0]:3260`];
  const target = pair.spawn('server', process.execPath, [program, 'target', disk, ...listen]);
  stack.defer(() => end(target));
  await said(target, /3260/);
  const iscsi = (...args: string[]) => pair.run(process.execPath, [program, 'iscsi', ...args]);
  const discovered = await iscsi('discover', `[${address}%client0]`);
  assert.equal(discovered.output, `[${address}]:3260,1 ${targetName}\n`);
  const inquired = await iscsi('inquiry', `iscsi://[${address}%client0]/${targetName}/0`);
  assert.equal(inquired.status, 0, inquired.output);
});
