/** iSNS over sockets: where answers go, what is kept before them, who is told how, and what a server has left when it is closed. */

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { addressAttribute, numberAttribute, textAttribute } from '../../src/isns/attribute.ts';
import { decodeRequest, decodeResponse, encodeRequest, withStatus } from '../../src/isns/message.ts';
import { decodeDatagram, MessageReader } from '../../src/isns/message-reader.ts';
import { encodeMessage, FunctionId, type IsnsMessage, responseTo } from '../../src/isns/pdu.ts';
import { Status } from '../../src/isns/status.ts';
import { Tag } from '../../src/isns/tag.ts';
import { MemoryRecords, startIsnsServer } from '../support/isns-server.ts';

const address = '127.0.71.20';
const client = 'iqn.2001-04.com.example:client';
const disk = 'iqn.2001-04.com.example:disk';

interface Question {
  readonly functionId: number;
  readonly key?: Parameters<typeof encodeRequest>[0]['key'];
  readonly operating?: Parameters<typeof encodeRequest>[0]['operating'];
}

function encode(source: string, { functionId, key = [], operating = [] }: Question): Buffer {
  const payload = encodeRequest({ source: textAttribute(Tag.iscsiName, source), key, operating });
  return Buffer.concat(encodeMessage({ functionId, transactionId: 5, sender: 'client', replace: false, payload }));
}

/** The next message on a stream. */
async function nextMessage(socket: Socket): Promise<IsnsMessage> {
  const reader = new MessageReader(1 << 20);
  for (;;) {
    const [chunk] = await once(socket, 'data', { signal: AbortSignal.timeout(10_000) });
    reader.push(chunk);
    const message = reader.next();
    if (message !== undefined) return message;
  }
}

async function open(t: TestContext): Promise<Socket> {
  const socket = connect({ host: address, port: 3205 });
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

async function ask(t: TestContext, source: string, question: Question) {
  const socket = await open(t);
  socket.write(encode(source, question));
  const message = await nextMessage(socket);
  socket.end();
  return decodeResponse(message.payload);
}

const registerDisk: Question = {
  functionId: FunctionId.devAttrReg,
  operating: [textAttribute(Tag.iscsiName, disk), numberAttribute(Tag.iscsiNodeType, 1)],
};

async function start(t: TestContext, records = new MemoryRecords()) {
  const server = await startIsnsServer({ address, records });
  t.after(() => server.service[Symbol.asyncDispose]());
  return server;
}

test('by UDP a request is answered where it came from (RFC 4171 §5.7)', async (t) => {
  await start(t);
  const socket = createSocket('udp4').bind(0, '127.0.71.21');
  t.after(() => socket.close());
  await once(socket, 'listening');
  socket.send(Buffer.from('nothing that is iSNS'), 3205, address);
  socket.send(encode(disk, registerDisk), 3205, address);
  const [datagram, from] = await once(socket, 'message', { signal: AbortSignal.timeout(10_000) });
  assert.equal(from.port, 3205);
  const message = decodeDatagram(datagram);
  assert.equal(message.transactionId, 5);
  assert.equal(decodeResponse(message.payload).status, Status.successful);
});

describe('what is kept', () => {
  test('a registration outlives the server', async (t) => {
    const { service, records } = await start(t);
    assert.equal((await ask(t, disk, registerDisk)).status, Status.successful);
    await service[Symbol.asyncDispose]();
    await start(t, records);
    const found = await ask(t, disk, { functionId: FunctionId.devAttrQry, key: [textAttribute(Tag.iscsiName, disk)] });
    assert.notDeepEqual(found.operating, []);
  });

  test('what cannot be kept is refused, and kept when it can be', async (t) => {
    const { records, errors } = await start(t);
    records.failure = new Error('the disk is full');
    assert.equal((await ask(t, disk, registerDisk)).status, Status.internalError);
    assert.ok(errors.includes(records.failure));
    assert.deepEqual(records.all(), []);
    records.failure = undefined;
    assert.equal((await ask(t, disk, { functionId: FunctionId.devAttrQry })).status, Status.successful);
    assert.ok(records.all().some(({ key }) => key === disk));
  });
});

test('a peer that does not speak iSNS loses its connection, and no other does', async (t) => {
  const { errors } = await start(t);
  const good = await open(t);
  const bad = await open(t);
  bad.write(Buffer.alloc(12, 1));
  bad.resume();
  await once(bad, 'close');
  good.write(encode(disk, registerDisk));
  assert.equal(decodeResponse((await nextMessage(good)).payload).status, Status.successful);
  assert.deepEqual(errors, []);
});

describe('who is told', () => {
  /** A client with these SCN ports, in a domain with the target. */
  async function listen(t: TestContext, ports: readonly { address: string; port: number }[]): Promise<void> {
    const { service } = await start(t);
    const members = [client, disk].map((name) => textAttribute(Tag.ddMemberIscsiName, name));
    service.administer({ functionId: FunctionId.ddReg, operating: members });
    const enabled = [numberAttribute(Tag.ddsStatus, 1), numberAttribute(Tag.ddId, 2)];
    service.administer({ functionId: FunctionId.ddsReg, operating: enabled });
    const portals = ports.flatMap(({ address: own, port }) => [
      addressAttribute(Tag.portalIpAddress, own),
      numberAttribute(Tag.portalPort, 3260),
      numberAttribute(Tag.scnPort, port),
    ]);
    const node = [textAttribute(Tag.iscsiName, client), numberAttribute(Tag.iscsiNodeType, 2)];
    const bitmap = [numberAttribute(Tag.iscsiScnBitmap, 0x1c)];
    await ask(t, client, { functionId: FunctionId.devAttrReg, operating: [...portals, ...node, ...bitmap] });
  }

  function tcpPort(t: TestContext, own: string, onConnection: (socket: Socket) => void): Promise<number> {
    const listener = createServer(onConnection).listen(0, own);
    t.after(() => listener.close());
    return once(listener, 'listening').then(() => (listener.address() as AddressInfo).port);
  }

  function confirm({ functionId, transactionId, payload }: IsnsMessage): Buffer {
    const { source } = decodeRequest(payload);
    const answer = withStatus(0, source === undefined ? [] : [source]);
    const response = { functionId: responseTo(functionId), transactionId, payload: answer };
    return Buffer.concat(encodeMessage({ ...response, sender: 'client', replace: false }));
  }

  test('a client is told by TCP: the server connects, and ends the connection after the answer (RFC 4171 §2.9.1)', async (t) => {
    const told = Promise.withResolvers<IsnsMessage>();
    const ended = Promise.withResolvers<void>();
    const port = await tcpPort(t, '127.0.71.22', (socket) => {
      socket.on('error', () => {}).once('close', () => ended.resolve());
      void nextMessage(socket).then((message) => {
        socket.write(confirm(message));
        told.resolve(message);
      });
    });
    await listen(t, [{ address: '127.0.71.22', port }]);
    await ask(t, disk, registerDisk);
    const { functionId, sender } = await told.promise;
    assert.deepEqual([functionId, sender], [FunctionId.scn, 'server']);
    await ended.promise;
  });

  test('every UDP port is told, and one of TCP (RFC 4171 §2.9.2)', async (t) => {
    const connections: { localAddress: string | undefined }[] = [];
    const accept = (socket: Socket): void => {
      connections.push({ localAddress: socket.localAddress });
      void nextMessage(socket).then((message) => socket.end(confirm(message)));
    };
    const tcp = [await tcpPort(t, '127.0.71.23', accept), await tcpPort(t, '127.0.71.24', accept)];
    const sockets = ['127.0.71.25', '127.0.71.26'].map((own) => createSocket('udp4').bind(0, own));
    for (const socket of sockets) t.after(() => socket.close());
    await Promise.all(sockets.map((socket) => once(socket, 'listening')));
    const heard = sockets.map(async (socket) => {
      const [datagram, from] = await once(socket, 'message', { signal: AbortSignal.timeout(10_000) });
      const message = decodeDatagram(datagram);
      socket.send(confirm(message), from.port, from.address);
      return message.functionId;
    });
    await listen(t, [
      ...tcp.map((port, index) => ({ address: `127.0.71.${23 + index}`, port })),
      ...sockets.map((socket, index) => ({
        address: `127.0.71.${25 + index}`,
        port: 0x1_0000 | socket.address().port,
      })),
    ]);
    await ask(t, disk, registerDisk);
    assert.deepEqual(await Promise.all(heard), [FunctionId.scn, FunctionId.scn]);
    while (connections.length === 0) await new Promise(setImmediate);
    const reached = new Set(connections.map(({ localAddress }) => localAddress));
    assert.deepEqual([...reached], ['127.0.71.23']);
  });

  test('a client that is not there holds up nobody, and closing waits for none', async (t) => {
    const port = await tcpPort(t, '127.0.71.27', () => {});
    await listen(t, [{ address: '127.0.71.27', port }]);
    assert.equal((await ask(t, disk, registerDisk)).status, Status.successful);
  });
});
