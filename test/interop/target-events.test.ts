/** What `diskless target` says of what happens to it, as JSON lines. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import type { TargetProgramEvent } from '../../src/cli/target-events.ts';
import { Initiator } from '../../src/initiator/index.ts';
import { systemClock } from '../../src/os/clock.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const launcher = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');

test('units, logins, refusals and ends are events on stdout, and stderr is silent', async (t) => {
  const directory = temporaryDirectory(t);
  const [first, second] = [join(directory, 'a.img'), join(directory, 'b.img')];
  for (const file of [first, second]) {
    writeFileSync(file, '');
    truncateSync(file, 1 << 20);
  }
  const args = [launcher, 'target', first, '--lun', `5=${second}`, '--listen', '127.0.0.1:0', '--json', '--read-only'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  let stderr = '';
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () =>
    JSON.parse((await lines.next()).value ?? '') as TargetProgramEvent & { readonly time: number };

  const ready = await next();
  assert.equal(ready.event, 'ready');
  assert.deepEqual(ready.units, [
    { lun: 0, file: first, size: 1 << 20, blockSize: 512, readOnly: true },
    { lun: 5, file: second, size: 1 << 20, blockSize: 512, readOnly: true },
  ]);
  assert.ok(Math.abs(ready.time - Date.now()) < 86_400_000);
  const port = Number(/^127\.0\.0\.1:(\d+)$/.exec(ready.portal)?.[1]);

  const initiatorName = 'iqn.2001-04.com.example:client';
  const isid = Buffer.from('800000000007', 'hex');
  const initiator = new Initiator({ network: nodeNetwork, clock: systemClock, initiatorName, isid });
  const portal = { host: '127.0.0.1', port };
  const who = { initiator: initiatorName, isid: '800000000007', address: '127.0.0.1' };
  assert.deepEqual(await initiator.discover(portal), [
    { name: ready.name, addresses: [{ ...portal, portalGroupTag: 1 }] },
  ]);
  const session = await initiator.login(portal, ready.name);
  const { time: _login, ...login } = await next();
  assert.deepEqual(login, { event: 'login', reinstates: false, ...who });
  await session.close();
  const { time: _ended, ...ended } = await next();
  assert.deepEqual(ended, { event: 'session-ended', reason: 'logout', ...who });
  await assert.rejects(initiator.login(portal, 'iqn.2001-04.com.example:none'), { code: 'ISCSI_TARGET_NOT_FOUND' });
  const refused = await next();
  assert.equal(refused.event, 'login-refused');
  assert.equal(refused.status, '0203h');
  assert.match(refused.text, /there is no target iqn\.2001-04\.com\.example:none/);

  const closed = once(child, 'close');
  child.kill('SIGTERM');
  assert.deepEqual([(await next()).event, (await next()).event], ['stopping', 'stopped']);
  assert.deepEqual(await closed, [0, null]);
  assert.equal(stderr, '');
});
