/** A target that asks for a logout, and an initiator that others wrote: libiscsi, amid its reads. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';
import { openDirectory } from '../../src/target/directory.ts';
import { Portal } from '../../src/target/portal.ts';
import { Target } from '../../src/target/target.ts';
import { requires } from '../support/requires.ts';

const name = 'iqn.2026-11.internal.test:disk';

test('libiscsi logs out when it is asked to, logs in again, and its reads go on (RFC 7143 §11.9.1)', async (t) => {
  if (!requires(t, 'iscsi-perf')) return;
  const target = new Target({ name, units: new Map([[0, new MemoryDevice(8 << 20)]]) });
  const kinds: string[] = [];
  const loggedOut: Promise<boolean>[] = [];
  const { promise: readAgain, resolve } = Promise.withResolvers<void>();
  await using portal = await Portal.open({
    network: nodeNetwork,
    endpoint: { address: '127.0.0.1', port: 0 },
    directory: openDirectory([target]),
    onEvent: (event) => {
      kinds.push(event.kind === 'session ended' ? `${event.kind}: ${event.reason}` : event.kind);
      if (event.kind !== 'first read') return;
      const [session] = portal.sessions;
      if (loggedOut.length === 0 && session !== undefined) loggedOut.push(session.requestLogout(30));
      else resolve();
    },
  });
  const url = `iscsi://127.0.0.1:${portal.endpoint.port}/${name}/0`;
  const client = spawn('iscsi-perf', ['-t', '60', '-b', '8', '-m', '16', url], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  for (const stream of [client.stdout, client.stderr]) stream.on('data', (chunk: Buffer) => output.push(chunk));
  const ended = once(client, 'close');
  const early = ended.then(() => assert.fail(Buffer.concat(output).toString()));
  try {
    await Promise.race([readAgain, early]);
  } finally {
    client.kill();
  }
  await Promise.race([ended, early.catch(() => {})]);
  assert.deepEqual(await Promise.all(loggedOut), [true]);
  const logins = kinds.filter((kind) => kind === 'login' || kind.startsWith('session ended'));
  assert.deepEqual(logins.slice(0, 3), ['login', 'session ended: logout', 'login']);
});
