/** `npm run demo -- --quick`: boot server and boot client of this checkout, without root's rights being needed and without QEMU. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { requires, userNamespaces } from '../support/requires.ts';

const demo = join(import.meta.dirname, '..', '..', 'scripts', 'demo.ts');

async function runDemo(env: NodeJS.ProcessEnv): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [demo, '--quick'], { env, timeout: 60_000 });
  return stdout;
}

test('in namespaces of its own the client finds its disk by DHCP', async (t) => {
  if (!requires(t, 'unshare', 'nsenter', 'setpriv', 'ip', userNamespaces)) return;
  const output = await runDemo(process.env);
  assert.match(output, /a user and network namespace of its own/);
  assert.match(output, /offer of 192\.168\.78\.\d+ from 192\.168\.78\.1/);
  assert.match(output, /GPT partition table/);
  assert.match(output, /"diskless demo"/);
});

test('where no namespace can be made, the loopback interface and high ports do', async () => {
  const output = await runDemo({ ...process.env, PATH: '/nonexistent' });
  assert.match(output, /the loopback interface and high ports/);
  assert.match(output, /GPT partition table/);
  assert.match(output, /"diskless demo"/);
});
