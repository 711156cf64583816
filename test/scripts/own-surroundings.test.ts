/** Programs in surroundings of their own do not meet, and find what programs expect of a machine. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { ownSurroundings } from '../../scripts/own-surroundings.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';

/** Takes the iSCSI port and a name in /run that must be free, says so by its output, and goes on. */
const holder = `
  require('node:fs').writeFileSync('/run/diskless-held', '', { flag: 'wx' });
  require('node:net').createServer().listen(3260, '127.0.0.1', () => console.log('held'));
`;

function start(t: TestContext, program: string): ChildProcess {
  const [command, args] = inOwn(process.execPath, '-e', program);
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill());
  return child;
}

function inOwn(...command: readonly string[]): [string, string[]] {
  const [program, ...args] = [...(ownSurroundings() ?? []), ...command];
  assert.ok(program);
  return [program, args];
}

async function output(child: ChildProcess): Promise<string> {
  assert.ok(child.stdout);
  const [text] = await once(child.stdout.setEncoding('utf8'), 'data', { signal: AbortSignal.timeout(20_000) });
  return text;
}

test('two take the same port and the same name in /run, which nobody else sees', async (t) => {
  if (!requires(t, root, networkNamespaces, 'unshare', 'mount', 'ip')) return;
  const holders = [start(t, holder), start(t, holder)];
  assert.deepEqual(await Promise.all(holders.map(output)), ['held\n', 'held\n']);
  assert.ok(!existsSync('/run/diskless-held'));
});

test('there is an IPv4 and an IPv6 network for who asks whether there is one', (t) => {
  if (!requires(t, root, networkNamespaces, 'unshare', 'mount', 'ip', 'getent')) return;
  for (const [database, address] of [
    ['ahostsv4', '127.0.0.1'],
    ['ahostsv6', '2001:db8::1'],
  ] as const) {
    const [program, args] = inOwn('getent', database, address);
    assert.equal(spawnSync(program, args, { timeout: 20_000 }).status, 0, address);
  }
});
