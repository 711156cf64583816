/** Sockets of the file system. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { StreamConnection } from '../../src/os/network.ts';
import { nodeLocalSockets } from '../../src/os/node-local-sockets.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

test('bytes go both ways, and the socket is gone after close', async (t) => {
  const path = join(temporaryDirectory(t), 'socket');
  const ended = Promise.withResolvers<void>();
  const listener = await nodeLocalSockets.listen(path, (connection) => {
    connection.start({
      data: (chunk) => {
        connection.write(chunk);
        connection.end();
      },
      drain: () => {},
      closed: () => ended.resolve(),
    });
  });
  const connection = await nodeLocalSockets.connect(path);
  const received: Uint8Array[] = [];
  const closed = Promise.withResolvers<Error | undefined>();
  connection.start({ data: (chunk) => received.push(chunk), drain: () => {}, closed: closed.resolve });
  connection.write(Uint8Array.of(1, 2, 3));
  assert.equal(await closed.promise, undefined);
  await ended.promise;
  assert.deepEqual([...Buffer.concat(received)], [1, 2, 3]);
  await listener.close();
  assert.equal(existsSync(path), false);
});

test('connections go on when their listener is closed, and the path is free', { timeout: 10_000 }, async (t) => {
  const path = join(temporaryDirectory(t), 'socket');
  const accepted = Promise.withResolvers<StreamConnection>();
  const listener = await nodeLocalSockets.listen(path, accepted.resolve);
  const connection = await nodeLocalSockets.connect(path);
  const received = Promise.withResolvers<Uint8Array>();
  connection.start({ data: received.resolve, drain: () => {}, closed: () => {} });
  const server = await accepted.promise;
  server.start({ data: () => {}, drain: () => {}, closed: () => {} });
  t.after(() => {
    for (const end of [connection, server]) end.destroy();
  });
  await listener.close();
  assert.equal(existsSync(path), false);
  await (await nodeLocalSockets.listen(path, () => {})).close();
  server.write(Uint8Array.of(1, 2, 3));
  assert.deepEqual([...(await received.promise)], [1, 2, 3]);
});

test('a socket that a killed program left is replaced; one that is served, and what is no socket, are not', async (t) => {
  const path = join(temporaryDirectory(t), 'socket');
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  await assert.rejects(
    nodeLocalSockets.listen(path, () => {}),
    { code: 'SOCKET_IN_USE' },
  );
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  assert.equal(existsSync(path), true);
  await assert.rejects(nodeLocalSockets.connect(path), { code: 'SOCKET_REFUSED' });
  await using _ = await nodeLocalSockets.listen(path, () => {});
  const file = join(temporaryDirectory(t), 'file');
  writeFileSync(file, 'mine');
  await assert.rejects(
    nodeLocalSockets.listen(file, () => {}),
    { code: 'SOCKET_IN_USE' },
  );
  assert.equal(existsSync(file), true);
});

test('paths that cannot be are said', async (t) => {
  const folder = temporaryDirectory(t);
  const missing = join(folder, 'none', 'socket');
  await assert.rejects(nodeLocalSockets.connect(missing), { code: 'SOCKET_NOT_FOUND' });
  await assert.rejects(
    nodeLocalSockets.listen(missing, () => {}),
    { code: /^SOCKET_(NOT_FOUND|FORBIDDEN)$/ },
  );
  const long = join(folder, 'x'.repeat(120));
  await assert.rejects(
    nodeLocalSockets.listen(long, () => {}),
    { code: 'SOCKET_PATH_TOO_LONG' },
  );
  await assert.rejects(nodeLocalSockets.connect(long), { code: 'SOCKET_PATH_TOO_LONG' });
});
