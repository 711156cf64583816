import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { nodeHttpClient } from '../../src/os/http-client.ts';

async function serving(listener: RequestListener, use: (url: URL) => Promise<void>): Promise<void> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    await use(new URL(`http://127.0.0.1:${port}/file`));
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

const never = new AbortController().signal;

test('a page is its status, its length and its bytes; the connection ends with it', async () => {
  const content = Buffer.alloc(300_000, 'x');
  await serving(
    (_request, answer) => answer.setHeader('Content-Length', content.length).end(content),
    async (url) => {
      const { status, length, location, body } = await nodeHttpClient.get(url, never);
      assert.deepEqual([status, length, location], [200, content.length, undefined]);
      const pieces: Uint8Array[] = [];
      for await (const piece of body) pieces.push(piece);
      assert.ok(Buffer.concat(pieces).equals(content));
    },
  );
});

test('a redirection is told, not followed', async () => {
  await serving(
    (_request, answer) => answer.writeHead(302, { Location: '/else' }).end(),
    async (url) => {
      const { status, location, body } = await nodeHttpClient.get(url, never);
      assert.deepEqual([status, location], [302, '/else']);
      await body[Symbol.asyncIterator]().return?.();
    },
  );
});

test('a body that ends early is an error, and so is a server that is not there', async () => {
  await serving(
    (_request, answer) => {
      answer.setHeader('Content-Length', 100).write('some');
      setImmediate(() => answer.destroy());
    },
    async (url) => {
      const { body } = await nodeHttpClient.get(url, never);
      await assert.rejects(
        async () => {
          for await (const piece of body) assert.ok(piece.length > 0);
        },
        { code: 'NETWORK_RESET' },
      );
    },
  );
  // Port 1 is tcpmux, which nobody runs.
  await assert.rejects(nodeHttpClient.get(new URL('http://127.0.0.1:1/x'), never), { code: 'NETWORK_REFUSED' });
});

test('a server that says nothing is left when the signal says so', async () => {
  const control = new AbortController();
  await serving(
    () => control.abort(),
    async (url) => {
      await assert.rejects(nodeHttpClient.get(url, control.signal), { code: 'ABORTED' });
    },
  );
});
