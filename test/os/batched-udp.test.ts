import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BatchedUdpSocket } from '../../src/os/batched-udp.ts';
import type { Endpoint, UdpHandler, UdpSocket } from '../../src/os/network.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';
import type { DatagramCalls } from '../../src/os/socket.ts';

const FD = 42;
/** Anything but zero. */
const BASE = 0x7f00_0000_1000n;
const little = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

interface Datagram {
  readonly data: Uint8Array;
  readonly peer: Endpoint;
}

const datagram = (text: string, port = 1000): Datagram => ({
  data: Buffer.from(text),
  peer: { address: '192.0.2.7', port },
});
const texts = (datagrams: readonly Datagram[]) => datagrams.map(({ data }) => Buffer.from(data).toString());

/** The kernel's end of `recvmmsg` and `sendmmsg`, which follows the pointers that it is given. */
class SimulatedKernel implements DatagramCalls {
  readonly arrived: Datagram[] = [];
  readonly sent: Datagram[] = [];
  /** How many datagrams each call was for. */
  readonly sendCalls: number[] = [];
  readonly receiveCalls: number[] = [];
  /** How many more it takes before it says that it has no room; it does so once. */
  room = Number.POSITIVE_INFINITY;
  readonly #memories: { readonly address: bigint; readonly bytes: ArrayBuffer }[] = [];

  allocate(size: number) {
    const memory = { address: BASE + BigInt(this.#memories.length) * 0x1000_0000n, bytes: new ArrayBuffer(size) };
    this.#memories.push(memory);
    return memory;
  }

  receive(fd: number, headers: Uint8Array, count: number): number {
    assert.equal(fd, FD);
    this.receiveCalls.push(count);
    const taken = this.arrived.splice(0, count);
    for (const [index, { data, peer }] of taken.entries()) {
      const header = this.#header(headers, index);
      const { name, buffer } = this.#places(header);
      name.setUint16(0, 2, little);
      name.setUint16(2, peer.port);
      for (const [at, byte] of peer.address.split('.').entries()) name.setUint8(4 + at, Number(byte));
      const fits = Math.min(buffer.length, data.length);
      buffer.set(data.subarray(0, fits));
      header.setUint32(56, fits, little);
      header.setUint32(48, fits < data.length ? 0x20 : 0, little);
    }
    return taken.length === 0 ? -1 : taken.length;
  }

  send(fd: number, headers: Uint8Array, count: number): number {
    assert.equal(fd, FD);
    this.sendCalls.push(count);
    const taken = Math.min(count, this.room);
    this.room = taken < count ? Number.POSITIVE_INFINITY : this.room - taken;
    for (let index = 0; index < taken; index++) {
      const { name, buffer } = this.#places(this.#header(headers, index));
      assert.equal(name.getUint16(0, little), 2, 'an address of IPv4');
      const address = [4, 5, 6, 7].map((at) => name.getUint8(at)).join('.');
      this.sent.push({ data: buffer.slice(), peer: { address, port: name.getUint16(2) } });
    }
    return taken === 0 ? -1 : taken;
  }

  #header({ buffer, byteOffset }: Uint8Array, index: number): DataView {
    return new DataView(buffer, byteOffset + index * 64, 64);
  }

  /** Where `struct msghdr` points to. */
  #places(header: DataView): { readonly name: DataView; readonly buffer: Uint8Array } {
    assert.equal(header.getUint32(8, little), 16, 'the length of the name');
    assert.equal(header.getBigUint64(24, little), 1n, 'one vector');
    const vector = this.#at(header.getBigUint64(16, little), 16);
    const length = Number(vector.getBigUint64(8, little));
    const { buffer, byteOffset } = this.#at(vector.getBigUint64(0, little), length);
    return { name: this.#at(header.getBigUint64(0, little), 16), buffer: new Uint8Array(buffer, byteOffset, length) };
  }

  #at(address: bigint, length: number): DataView {
    const memory = this.#memories.find((each) => address >= each.address && address < each.address + 0x1000_0000n);
    assert.ok(memory, `${address} points nowhere`);
    return new DataView(memory.bytes, Number(address - memory.address), length);
  }
}

/** The socket below, which takes and gives one by one. */
class SingleSocket implements UdpSocket {
  readonly local = { address: '0.0.0.0', port: 67 };
  readonly sent: Datagram[] = [];
  isClosed = false;
  #handler: UdpHandler | undefined;

  start(handler: UdpHandler): void {
    this.#handler = handler;
  }

  /** A first datagram wakes it up. */
  hear({ data, peer }: Datagram): void {
    this.#handler?.message(data, peer);
  }

  send(data: Uint8Array, to: Endpoint): void {
    this.sent.push({ data: data.slice(), peer: to });
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function open() {
  const kernel = new SimulatedKernel();
  const single = new SingleSocket();
  const socket = new BatchedUdpSocket(single, FD, kernel);
  const heard: Datagram[] = [];
  const message = (data: Uint8Array, peer: Endpoint) => void heard.push({ data, peer });
  socket.start({ message, error: (error) => assert.fail(error) });
  return { kernel, single, socket, heard };
}

const endOfTurn = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));
const to = { address: '198.51.100.3', port: 68 };
const numbered = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `datagram ${from + index}`);

describe('what has arrived', () => {
  test('comes by one call, in order, with its senders', () => {
    const { kernel, single, heard } = open();
    kernel.arrived.push(datagram('second', 1002), datagram('', 1003), datagram('fourth', 0xfffe));
    single.hear(datagram('first', 1001));
    assert.deepEqual(texts(heard), ['first', 'second', '', 'fourth']);
    assert.deepEqual(
      heard.map(({ peer }) => `${peer.address}:${peer.port}`),
      ['192.0.2.7:1001', '192.0.2.7:1002', '192.0.2.7:1003', '192.0.2.7:65534'],
    );
    assert.equal(kernel.receiveCalls.length, 1);
  });

  test('is no more than 64 at a time, so that others have their turn', async () => {
    const { kernel, single, heard } = open();
    kernel.arrived.push(...numbered(100, 1).map((text) => datagram(text)));
    single.hear(datagram('datagram 0'));
    single.hear(datagram('another that the socket below had'));
    assert.equal(heard.length, 66);
    assert.equal(kernel.receiveCalls.length, 1);
    await endOfTurn();
    single.hear(datagram('datagram of the next turn'));
    assert.equal(kernel.arrived.length, 0);
    assert.equal(heard.length, 103);
  });

  test('is the owner’s to keep: the memory that it came in is used again', async () => {
    const { kernel, single, heard } = open();
    kernel.arrived.push(datagram('kept'));
    single.hear(datagram('first'));
    await endOfTurn();
    kernel.arrived.push(datagram('over'));
    single.hear(datagram('next'));
    assert.deepEqual(texts(heard), ['first', 'kept', 'next', 'over']);
  });

  test('and is longer than a jumbo frame is dropped, and nothing else', () => {
    const { kernel, single, heard } = open();
    kernel.arrived.push({ ...datagram(''), data: new Uint8Array(9217) }, datagram('short'));
    single.hear(datagram('first'));
    assert.deepEqual(texts(heard), ['first', 'short']);
  });

  test('is not given any more once the owner closes, in the middle of a handful too', async () => {
    const { kernel, single, socket } = open();
    const heard: string[] = [];
    socket.start({
      message(data) {
        heard.push(Buffer.from(data).toString());
        if (heard.length === 2) void socket.close();
      },
      error: (error) => assert.fail(error),
    });
    kernel.arrived.push(datagram('second'), datagram('third'));
    single.hear(datagram('first'));
    assert.deepEqual(heard, ['first', 'second']);
    assert.ok(single.isClosed);
  });
});

describe('what is sent', () => {
  test('in one turn leaves by one call at its end, as it was when it was sent', async () => {
    const { kernel, single, socket } = open();
    const data = Buffer.from('one');
    socket.send(data, to);
    data.fill(0);
    socket.send(Buffer.from('two'), { ...to, port: 67 });
    assert.equal(kernel.sendCalls.length, 0);
    await endOfTurn();
    assert.deepEqual(kernel.sendCalls, [2]);
    assert.deepEqual(texts(kernel.sent), ['one', 'two']);
    assert.deepEqual(
      kernel.sent.map(({ peer }) => peer),
      [to, { ...to, port: 67 }],
    );
    assert.equal(single.sent.length, 0);
  });

  test('leaves at once when 64 wait', async () => {
    const { kernel, socket } = open();
    for (const text of numbered(130)) socket.send(Buffer.from(text), to);
    assert.deepEqual(kernel.sendCalls, [64, 64]);
    await endOfTurn();
    assert.deepEqual(kernel.sendCalls, [64, 64, 2]);
    assert.deepEqual(texts(kernel.sent), numbered(130));
  });

  test('and not taken by the kernel goes the slow way, each exactly once', async () => {
    for (const room of [0, 1, 5, 9]) {
      const { kernel, single, socket } = open();
      kernel.room = room;
      for (const text of numbered(10)) socket.send(Buffer.from(text), to);
      await endOfTurn();
      assert.deepEqual(texts(single.sent), [`datagram ${room}`], 'the one that it stopped before');
      assert.deepEqual(single.sent[0]?.peer, to);
      assert.deepEqual([...texts(kernel.sent), ...texts(single.sent)].sort(), numbered(10).sort());
    }
  });

  test('and longer than a jumbo frame goes the slow way', async () => {
    const { kernel, single, socket } = open();
    socket.send(new Uint8Array(9217), to);
    await endOfTurn();
    assert.deepEqual([single.sent[0]?.data.length, kernel.sent.length], [9217, 0]);
  });

  test('before the socket closes still leaves, and nothing after that', async () => {
    const { kernel, single, socket } = open();
    socket.send(Buffer.from('last words'), to);
    await socket.close();
    socket.send(Buffer.from('too late'), to);
    await endOfTurn();
    assert.deepEqual(texts(kernel.sent), ['last words']);
    assert.equal(single.sent.length, 0);
  });
});

test('over the real kernel a thousand datagrams of many turns arrive, in order and whole', async () => {
  const options = { interface: 'lo', port: 0 };
  await using receiver = await nodeNetwork.openUdp(options);
  await using sender = await nodeNetwork.openUdp(options);
  assert.ok(receiver instanceof BatchedUdpSocket);
  const { promise: last, resolve } = Promise.withResolvers<void>();
  const { promise: asked, resolve: hear } = Promise.withResolvers<Endpoint>();
  const heard: string[] = [];
  const expected = numbered(1000);
  receiver.start({
    message(data, from) {
      hear(from);
      heard.push(Buffer.from(data).toString());
      if (heard.length === expected.length) resolve();
    },
    error: (error) => assert.fail(error),
  });
  const there = { address: '127.0.0.1', port: receiver.local.port };
  for (const [index, text] of expected.entries()) {
    sender.send(Buffer.from(text), there);
    // What is sent and not fetched yet must find room.
    if (index % 100 === 99) await endOfTurn();
  }
  await last;
  assert.deepEqual(heard, expected);
  assert.deepEqual(await asked, { address: '127.0.0.1', port: sender.local.port });
});
