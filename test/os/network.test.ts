import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { TcpConnection } from '../../src/os/network.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';

const anywhere = { address: '127.0.0.1', port: 0 };

/** A listener and both ends of one connection to it. */
async function connected() {
  const { promise, resolve } = Promise.withResolvers<TcpConnection>();
  const listener = await nodeNetwork.listenTcp(anywhere, resolve);
  const client = await nodeNetwork.connectTcp(listener.endpoint, { timeout: 5000 });
  return { listener, client, server: await promise };
}

/** Gathers what a connection receives until it ends. */
function received(connection: TcpConnection): Promise<{ bytes: Buffer; error: Error | undefined }> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    connection.start({
      data: (chunk) => chunks.push(chunk),
      drain: () => {},
      closed: (error) => resolve({ bytes: Buffer.concat(chunks), error }),
    });
  });
}

describe('TCP', () => {
  test('connections go on when their listener is closed, and the port is free', { timeout: 10_000 }, async (t) => {
    const { listener, client, server } = await connected();
    t.after(() => {
      for (const end of [client, server]) end.destroy();
    });
    const atServer = received(server);
    const atClient = received(client);
    await listener.close();
    await (await nodeNetwork.listenTcp(listener.endpoint, () => {})).close();
    client.write(Uint8Array.of(1, 2, 3));
    client.end();
    assert.deepEqual([...(await atServer).bytes], [1, 2, 3]);
    server.end();
    assert.equal((await atClient).error, undefined);
  });

  test('carries bytes both ways and ends cleanly', async () => {
    const { listener, client, server } = await connected();
    const atServer = received(server);
    const atClient = received(client);
    const payload = Buffer.alloc(3_000_000, 'diskless');
    client.write(payload.subarray(0, 100));
    client.write(payload.subarray(100));
    client.end();
    assert.ok((await atServer).bytes.equals(payload));
    server.end();
    assert.equal((await atClient).error, undefined);
    await listener.close();
  });

  test('both ends of an IPv4 connection to a dual-stack listener are IPv4 addresses', async () => {
    const { promise, resolve } = Promise.withResolvers<TcpConnection>();
    const listener = await nodeNetwork.listenTcp({ address: '::', port: 0 }, resolve);
    const { port } = listener.endpoint;
    const client = await nodeNetwork.connectTcp({ address: '127.0.0.1', port }, { timeout: 5000 });
    const server = await promise;
    client.destroy();
    server.destroy();
    await listener.close();
    assert.deepEqual(server.local, { address: '127.0.0.1', port });
    assert.deepEqual(server.remote, client.local);
  });

  test('tells a writer to wait, and when to go on', async () => {
    const { listener, client, server } = await connected();
    const chunk = new Uint8Array(1 << 20);
    const { promise: drained, resolve } = Promise.withResolvers<void>();
    client.start({ data: () => {}, drain: resolve, closed: () => {} });
    let written = 0;
    while (client.write(chunk)) written += chunk.length;
    assert.ok(client.bufferedBytes > 0);
    const atServer = received(server);
    await drained;
    client.end();
    assert.equal((await atServer).bytes.length, written + chunk.length);
    await listener.close();
  });

  test('what is held leaves with the flush, and what is written later by itself', async () => {
    const { listener, client, server } = await connected();
    client.start({ data: () => {}, drain: () => {}, closed: () => {} });
    const atServer = received(server);
    client.hold();
    client.write(Uint8Array.of(1));
    client.write(Uint8Array.of(2));
    assert.equal(client.bufferedBytes, 2);
    client.flush();
    assert.equal(client.bufferedBytes, 0, 'the kernel has it');
    client.write(Uint8Array.of(3));
    await setImmediate();
    assert.equal(client.bufferedBytes, 0, 'the turn’s end has flushed');
    client.end();
    assert.deepEqual([...(await atServer).bytes], [1, 2, 3]);
    await listener.close();
  });

  test('reports a connection that is cut', async () => {
    const { listener, client, server } = await connected();
    const atServer = received(server);
    client.destroy();
    await atServer;
    await listener.close();
  });

  test('names what is wrong with an address', async () => {
    const { listener, client, server } = await connected();
    await assert.rejects(() => nodeNetwork.listenTcp(listener.endpoint, () => {}), { code: 'NETWORK_PORT_IN_USE' });
    await assert.rejects(() => nodeNetwork.listenTcp({ address: '192.0.2.1', port: 0 }, () => {}), {
      code: 'NETWORK_ADDRESS_UNKNOWN',
    });
    client.destroy();
    server.destroy();
    await listener.close();
    await assert.rejects(() => nodeNetwork.connectTcp(listener.endpoint, { timeout: 5000 }), {
      code: 'NETWORK_REFUSED',
    });
    await assert.rejects(
      () => nodeNetwork.connectTcp(listener.endpoint, { timeout: 5000, signal: AbortSignal.abort() }),
      { code: 'ABORTED' },
    );
  });
});

describe('UDP', () => {
  test('carries datagrams', async () => {
    await using a = await nodeNetwork.openUdp(anywhere);
    await using b = await nodeNetwork.openUdp(anywhere);
    const arrived = new EventTarget();
    const message = once(arrived as never, 'message') as Promise<[CustomEvent]>;
    a.start({
      message: (data, from) => arrived.dispatchEvent(new CustomEvent('message', { detail: { data, from } })),
      error: assert.ifError,
    });
    b.send(Buffer.from('hello'), { address: '127.0.0.1', port: a.local.port });
    const [{ detail }] = await message;
    assert.equal(Buffer.from(detail.data).toString(), 'hello');
    assert.equal(detail.from.port, b.local.port);
  });

  test('an interface that does not exist is named', async () => {
    await assert.rejects(() => nodeNetwork.openUdp({ interface: 'nosuch0', port: 0 }), {
      code: 'NETWORK_INTERFACE_UNKNOWN',
    });
  });
});

test('interfaces are listed with their addresses', () => {
  const loopback = nodeNetwork.interfaces().find(({ name }) => name === 'lo');
  assert.ok(loopback?.up);
  assert.deepEqual(loopback.ipv4, [{ address: '127.0.0.1', prefix: 8 }]);
});

test('a name is asked of the name servers that are given', async () => {
  await using server = await nodeNetwork.openUdp(anywhere);
  server.start({
    message: (question, from) => {
      const answer = Buffer.from(question);
      // RFC 1035 §4.1.1: a response without error; one answer to a question for an address of IPv4, none to others.
      answer.writeUInt16BE(0x8180, 2);
      const isForIpv4 = answer.readUInt16BE(answer.indexOf(0, 12) + 1) === 1;
      answer.writeUInt16BE(isForIpv4 ? 1 : 0, 6);
      answer.writeUInt16BE(0, 10);
      const end = answer.indexOf(0, 12) + 5;
      const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 5]);
      server.send(Buffer.concat([answer.subarray(0, end), isForIpv4 ? record : Buffer.of()]), from);
    },
    error: assert.ifError,
  });
  const nameServers = [`127.0.0.1:${server.local.port}`];
  assert.deepEqual(await nodeNetwork.resolve('boot.example.com', nameServers), ['192.0.2.5']);
  assert.deepEqual(await nodeNetwork.resolve('192.0.2.9', nameServers), ['192.0.2.9']);
  const silent = await nodeNetwork.openUdp(anywhere);
  const closed = [`127.0.0.1:${silent.local.port}`];
  await silent.close();
  await assert.rejects(nodeNetwork.resolve('boot.example.com', closed), { code: 'NETWORK_NAME_UNKNOWN' });
});
