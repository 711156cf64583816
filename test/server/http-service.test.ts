import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { Hono } from 'hono';
import { fileResponse } from '../../src/server/file-response.ts';
import { defaultHttpLimits, HttpService } from '../../src/server/http-service.ts';
import { loaderOf } from '../../src/server/loaders.ts';
import { freePort } from '../support/free-port.ts';

const address = '127.0.0.1';
/** More than the buffers of a connection hold. */
const file = loaderOf(new Uint8Array(8 << 20).fill(0x5a), new Date(0));

async function serve(limits: Partial<typeof defaultHttpLimits> = {}) {
  const app = new Hono();
  app.get('/file', ({ req }) => fileResponse(file, req.method, (name) => req.header(name)));
  const port = await freePort();
  const service = await HttpService.listen(app, { address, port }, { ...defaultHttpLimits, ...limits });
  return { port, [Symbol.asyncDispose]: () => service[Symbol.asyncDispose]() };
}

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, address);
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.once('close', () => resolve()));
}

/** What comes until the server ends the connection. */
async function answerTo(port: number, request: string): Promise<string> {
  const socket = await connected(port);
  socket.write(request, 'latin1');
  let text = '';
  socket.setEncoding('latin1').on('data', (piece: string) => {
    text += piece;
  });
  await closed(socket);
  return text;
}

describe('the HTTP service', () => {
  test('a thousand downloads at once come whole', async () => {
    await using server = await serve();
    const request = 'GET /file HTTP/1.1\r\nHost: x\r\nRange: bytes=0-65535\r\nConnection: close\r\n\r\n';
    const answers = await Promise.all(Array.from({ length: 1000 }, () => answerTo(server.port, request)));
    for (const answer of answers) {
      assert.match(answer, /^HTTP\/1\.1 206 /);
      assert.equal(answer.length - answer.indexOf('\r\n\r\n') - 4, 65_536);
    }
  });

  test('readers that have stopped take no memory of their own', async () => {
    await using server = await serve();
    const before = process.memoryUsage().arrayBuffers;
    const sockets = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const socket = await connected(server.port);
        socket.write('GET /file HTTP/1.1\r\nHost: x\r\n\r\n');
        await once(socket, 'readable');
        return socket;
      }),
    );
    const grown = process.memoryUsage().arrayBuffers - before;
    // A copy for each would be 800 MiB; each has read a piece.
    assert.ok(grown < 64 << 20, `${grown >> 20} MiB more`);
    const [one] = sockets;
    let length = 0;
    const got = Promise.withResolvers<void>();
    one?.on('data', (piece: Buffer) => {
      length += piece.length;
      if (length > file.bytes.length) got.resolve();
    });
    await got.promise;
    for (const socket of sockets) socket.destroy();
  });

  test('lets go of a reader that reads nothing', async () => {
    await using server = await serve({ silence: 200 });
    const socket = await connected(server.port);
    socket.write('GET /file HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'readable');
    // A socket that is not read does not show its end: it is asked whether something can still be sent.
    const ended = closed(socket);
    const knocking = setInterval(() => socket.write('x'), 50);
    await ended;
    clearInterval(knocking);
  });

  test('lets go of those that do not finish their header or their body', async () => {
    await using server = await serve({ headerTime: 200, requestTime: 400 });
    assert.match(await answerTo(server.port, 'GET /file HTTP/1.1\r\nHost: x\r\nX-Slow: '), /^HTTP\/1\.1 408 /);
    const request = 'POST /file HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nx';
    assert.match(await answerTo(server.port, request), /^HTTP\/1\.1 404 /);
  });

  test('ends a connection that asks for nothing more', async () => {
    await using server = await serve({ betweenRequests: 100 });
    assert.match(await answerTo(server.port, 'HEAD /file HTTP/1.1\r\nHost: x\r\n\r\n'), /^HTTP\/1\.1 200 /);
  });

  test('refuses headers that are too long, and what is no HTTP', async () => {
    await using server = await serve();
    const long = `GET /file HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(10_000)}\r\n\r\n`;
    assert.match(await answerTo(server.port, long), /^HTTP\/1\.1 431 /);
    const many = `GET /file HTTP/1.1\r\nHost: x\r\n${'A: b\r\n'.repeat(3000)}\r\n`;
    assert.match(await answerTo(server.port, many), /^HTTP\/1\.1 431 /);
    assert.match(await answerTo(server.port, `GET /${'x'.repeat(10_000)} HTTP/1.1\r\n\r\n`), /^HTTP\/1\.1 431 /);
    for (const request of [
      '\0\x01\x02\r\n\r\n',
      'GET\r\n\r\n',
      'GET /file HTTP/9.9\r\n\r\n',
      'GET /\0 HTTP/1.1\r\n\r\n',
    ]) {
      assert.match(await answerTo(server.port, request), /^HTTP\/1\.1 400 /, JSON.stringify(request));
    }
    const both = 'GET /file HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n';
    assert.match(await answerTo(server.port, both), /^HTTP\/1\.1 400 /);
  });

  test('has only so many connections, and others once those are over', async () => {
    await using server = await serve({ connections: 2 });
    const [first, second] = [await connected(server.port), await connected(server.port)];
    assert.equal(await answerTo(server.port, 'HEAD /file HTTP/1.1\r\nHost: x\r\n\r\n'), '');
    first.destroy();
    let answer = '';
    while (answer === '') {
      answer = await answerTo(server.port, 'HEAD /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    }
    assert.match(answer, /^HTTP\/1\.1 200 /);
    second.destroy();
  });
});
