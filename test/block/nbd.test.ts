/** The NBD server and the Device over its client, on the two ends of one line. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Device } from '../../src/block/device.ts';
import { FaultDevice } from '../../src/block/fault-device.ts';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { type NbdDeviceOptions, openNbdDevice } from '../../src/block/nbd-device.ts';
import { NbdServer } from '../../src/block/nbd-server.ts';
import { Command, REQUEST_MAGIC, RequestHeader } from '../../src/nbd/protocol.ts';
import { hex } from '../nbd/support.ts';
import { SimulatedClock, settled } from '../support/simulated-clock.ts';
import { byteByByte, type LineOptions, SimulatedTcp } from '../support/simulated-tcp.ts';
import { HeldDevice } from '../target/held-device.ts';

const ends = [
  { address: '192.0.2.2', port: 50_000 },
  { address: '192.0.2.1', port: 10_809 },
] as const;

function rig(device: Device, line: LineOptions = {}) {
  const clock = new SimulatedClock();
  const failures: Error[] = [];
  const server = new NbdServer({ device, clock, onFailure: (error) => failures.push(error) });
  const connect = (): SimulatedTcp => {
    const [client, atServer] = SimulatedTcp.pair(...ends, line);
    server.accept(atServer);
    return client;
  };
  const open = (options: Partial<NbdDeviceOptions> = {}) => openNbdDevice(connect(), { clock, ...options });
  return { clock, server, failures, connect, open };
}

const SECTORS = 200;
const original = Uint8Array.from({ length: SECTORS * 512 }, (_, index) => (index * 13 + (index >> 9)) & 255);

const step = fc.record({
  kind: fc.constantFrom('write', 'write', 'read', 'read', 'unmap', 'writeZeroes', 'flush', 'extents'),
  first: fc.nat(SECTORS - 1),
  count: fc.integer({ min: 1, max: 60 }),
  seed: fc.nat(255),
  fua: fc.boolean(),
});

test('an export is an array of bytes, however they arrive', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), fc.boolean(), async (steps, isSlow) => {
      const all = rig(new MemoryDevice(original), isSlow ? { window: 700 } : {});
      const device = await all.open();
      const model = Uint8Array.from(original);
      for (const { kind, first, count, seed, fua } of steps) {
        const offset = first * 512;
        const length = Math.min(count, SECTORS - first) * 512;
        if (kind === 'write') {
          const data = Uint8Array.from({ length }, (_, index) => (index + seed) & 255);
          await device.write(offset, [data.subarray(0, 100), data.subarray(100)], { fua });
          model.set(data, offset);
        } else if (kind === 'unmap' || kind === 'writeZeroes') {
          await device[kind](offset, length);
          model.fill(0, offset, offset + length);
        } else if (kind === 'flush') {
          await device.flush();
        } else if (kind === 'extents') {
          assert.deepEqual(await device.extents(offset, length), [{ offset, length, allocated: true, zero: false }]);
        } else {
          const expected = Buffer.from(model.subarray(offset, offset + length));
          assert.deepEqual(Buffer.concat(await device.read(offset, length)), expected);
        }
      }
      await device.close();
      await all.server.close();
      assert.equal(all.clock.pending, 0, 'no timer is left');
      assert.deepEqual(all.failures, []);
    }),
    { numRuns: 40 },
  );
});

test('one byte at a time: handshake, a write, a read', async () => {
  const all = rig(new MemoryDevice(original), { cut: byteByByte });
  const device = await all.open();
  await device.write(512, [new Uint8Array(512).fill(9)]);
  assert.deepEqual(Buffer.concat(await device.read(512, 512)), Buffer.alloc(512, 9));
  await device.close();
  assert.equal(all.server.connections, 0);
});

test('what is longer than a request goes in several, and comes back in order', async () => {
  const memory = new MemoryDevice(5 << 20);
  const all = rig(memory);
  const device = await all.open();
  const content = Buffer.from(Uint8Array.from({ length: 5 << 20 }, (_, index) => (index >> 12) & 255));
  await device.write(0, [content.subarray(0, 1 << 19), content.subarray(1 << 19)]);
  assert.ok(Buffer.concat(memory.read(0, memory.size)).equals(content));
  assert.ok(Buffer.concat(await device.read(0, device.size)).equals(content));
  await device.close();
});

test('abilities and block size come through', async () => {
  const all = rig(new MemoryDevice(1 << 20, { blockSize: 4096, readOnly: true }));
  const device = await all.open();
  assert.deepEqual([device.blockSize, device.size, device.readOnly], [4096, 1 << 20, true]);
  assert.equal(device.capabilities.extents, 'native');
  await assert.rejects(device.write(0, [new Uint8Array(4096)]), { code: 'DEVICE_READ_ONLY' });
  await assert.rejects(all.open({ blockSize: 512 }), { code: 'NBD_BLOCK_SIZE' });
  await device.close();
});

test('errors of the disk below are those of the export, and the connection goes on', async () => {
  const clock = new SimulatedClock();
  const faulty = new FaultDevice(new MemoryDevice(1 << 20), clock);
  const all = rig(faulty);
  const device = await all.open();
  for (const [error, expected] of [
    ['DEVICE_IO', 'DEVICE_IO'],
    ['DEVICE_NO_SPACE', 'DEVICE_NO_SPACE'],
    ['DEVICE_READ_ONLY', 'DEVICE_READ_ONLY'],
  ] as const) {
    faulty.inject({ operations: ['write'], times: 1, error });
    await assert.rejects(device.write(0, [new Uint8Array(512)]), { code: expected });
  }
  faulty.inject({ operations: ['read'], times: 1, error: 'DEVICE_IO' });
  await assert.rejects(device.read(0, 512), { code: 'DEVICE_IO', message: /injected fault/ });
  assert.equal(Buffer.concat(await device.read(0, 512)).length, 512);
  await device.close();
});

/** A client that has chosen the default export, structured replies or not, and sends what the test says. */
async function rawClient(all: ReturnType<typeof rig>, isStructured: boolean) {
  const connection = all.connect();
  const received: Buffer[] = [];
  let isClosed = false;
  connection.start({
    data: (chunk) => received.push(Buffer.from(chunk)),
    drain: () => {},
    closed: () => {
      isClosed = true;
    },
  });
  connection.write(hex('00000003'));
  if (isStructured) connection.write(hex('49484156454f5054 00000008 00000000'));
  connection.write(hex('49484156454f5054 00000001 00000000'));
  await settled();
  received.length = 0;
  return {
    connection,
    isClosed: () => isClosed,
    received: () => Buffer.concat(received.splice(0)),
    ask: async (request: Partial<Parameters<typeof RequestHeader.encode>[0]>, data = new Uint8Array(0)) => {
      connection.write(RequestHeader.encode({ magic: REQUEST_MAGIC, cookieLow: 1, ...request }));
      connection.write(data);
      await settled();
    },
  };
}

test('requests that are wrong get their error, and the next one its answer (NBD "Error values")', async () => {
  const all = rig(new MemoryDevice(1 << 20));
  const client = await rawClient(all, false);
  const [invalid, noSpace, overflow] = [22, 28, 75];
  const wrong: readonly (readonly [Parameters<typeof client.ask>[0], number])[] = [
    [{ command: 99 }, invalid],
    [{ command: Command.read, offset: 1, length: 512 }, invalid],
    [{ command: Command.read, offset: 0, length: 1 }, invalid],
    [{ command: Command.read, offset: 1 << 20, length: 512 }, invalid],
    [{ command: Command.read, offset: 2 ** 63, length: 512 }, invalid],
    [{ command: Command.read, flags: 1 << 2, offset: 0, length: 512 }, invalid],
    [{ command: Command.read, flags: 1 << 9, offset: 0, length: 512 }, invalid],
    [{ command: Command.writeZeroes, offset: 1 << 20, length: 512 }, noSpace],
    [{ command: Command.trim, offset: 1 << 20, length: 512 }, invalid],
    [{ command: Command.blockStatus, offset: 0, length: 512 }, invalid],
  ];
  for (const [request, error] of wrong) {
    await client.ask(request);
    assert.deepEqual(
      client.received(),
      hex(`67446698 000000${error.toString(16)} 0000000000000001`),
      JSON.stringify(request),
    );
  }
  await client.ask({ command: Command.write, offset: 1 << 20, length: 512 }, new Uint8Array(512));
  assert.equal(client.received().readUInt32BE(4), noSpace);
  await client.ask({ command: Command.flush });
  assert.deepEqual(client.received(), hex('67446698 00000000 0000000000000001'));

  const large = rig(new MemoryDevice(40 << 20));
  const other = await rawClient(large, true);
  await other.ask({ command: Command.read, offset: 0, length: 33 << 20 });
  const answer = other.received();
  assert.equal(answer.readUInt16BE(6), 0x8001);
  assert.equal(answer.readUInt32BE(20), overflow);
});

test('a WRITE that carries more than is allowed ends its connection, and no other', async () => {
  const all = rig(new MemoryDevice(1 << 20));
  const [greedy, honest] = [await rawClient(all, false), await rawClient(all, false)];
  await greedy.ask({ command: Command.write, length: 0xffff_ffff });
  assert.equal(greedy.isClosed(), true);
  assert.match(all.failures[0]?.message ?? '', /4294967295/);
  await honest.ask({ command: Command.flush });
  assert.equal(honest.received().length, 16);
});

test('zeros without a hole are written as zeros (NBD_CMD_FLAG_NO_HOLE)', async () => {
  const calls: string[] = [];
  class Watched extends MemoryDevice {
    override write(offset: number, data: readonly Uint8Array[]): void {
      calls.push(`write ${offset}`);
      super.write(offset, data);
    }
    override writeZeroes(offset: number, length: number): void {
      calls.push(`zeroes ${offset}`);
      super.writeZeroes(offset, length);
    }
  }
  const client = await rawClient(rig(new Watched(original)), false);
  await client.ask({ command: Command.writeZeroes, flags: 1 << 1, offset: 512, length: 1024 });
  await client.ask({ command: Command.writeZeroes, offset: 4096, length: 1024 });
  assert.deepEqual(calls, ['write 512', 'zeroes 4096']);
});

test('answers overtake each other, and a FLUSH of one connection is heard on the device of all', async () => {
  const device = new HeldDevice(1 << 20);
  const all = rig(device);
  const [first, second] = [await all.open(), await all.open()];
  const slow = first.read(0, 512);
  await device.holding(1);
  const quick = first.read(512, 512);
  await device.holding(2);
  device.held.splice(1, 1)[0]?.release();
  await quick;
  await second.flush();
  assert.equal(device.flushes, 1);
  device.releaseAll();
  await slow;
});

test('a client has a bounded number of requests under way; the rest waits at its own end', async () => {
  const device = new HeldDevice(1 << 20);
  const all = rig(device, { window: 1 << 14 });
  const client = await rawClient(all, false);
  for (let index = 0; index < 2000; index++) {
    client.connection.write(RequestHeader.encode({ magic: REQUEST_MAGIC, command: Command.read, length: 512 }));
  }
  await settled();
  assert.equal(device.held.length, 256);
  let answered = 0;
  while (answered < 2000) {
    device.releaseAll();
    await settled();
    answered += client.received().length / (16 + 512);
  }
  assert.equal(answered, 2000);
});

test('a client that does not take its answers is not read from', async () => {
  const all = rig(new MemoryDevice(1 << 20), { window: 10_000 });
  const client = await rawClient(all, false);
  client.connection.pause();
  for (let index = 0; index < 1000; index++) {
    client.connection.write(RequestHeader.encode({ magic: REQUEST_MAGIC, command: Command.read, length: 4096 }));
    await settled();
  }
  assert.ok(client.connection.bufferedBytes > 20_000, 'its requests wait at its own end');
  client.connection.resume();
  let received = 0;
  while (received < 1000 * (16 + 4096)) {
    await settled();
    const more = client.received().length;
    assert.ok(more > 0);
    received += more;
  }
});

test('a server that closes finishes what is under way, takes nothing more, and answers all of it first', async () => {
  const device = new HeldDevice(1 << 20);
  const all = rig(device);
  const client = await rawClient(all, false);
  await client.ask({ command: Command.write, length: 512 }, new Uint8Array(512).fill(7));
  await device.holding(1);
  let isClosed = false;
  const closing = all.server.close().then(() => {
    isClosed = true;
  });
  await client.ask({ command: Command.write, offset: 512, length: 512 }, new Uint8Array(512));
  assert.equal(isClosed, false);
  assert.equal(device.held.length, 1);
  device.releaseAll();
  await closing;
  assert.deepEqual(client.received(), hex('67446698 00000000 0000000000000001'));
  assert.equal(client.isClosed(), true);
  assert.equal(all.clock.pending, 0);
});

test('a client that goes away in the midst of a write leaves no work behind after close', async () => {
  const device = new HeldDevice(1 << 20);
  const all = rig(device);
  const client = await rawClient(all, false);
  await client.ask({ command: Command.write, length: 512 }, new Uint8Array(512).fill(7));
  await device.holding(1);
  client.connection.destroy();
  await settled();
  assert.equal(all.server.connections, 1, 'its write is under way');
  device.releaseAll();
  await all.server.close();
  assert.equal(all.server.connections, 0);
});

test('a client that chooses no export is sent away after half a minute', async () => {
  const all = rig(new MemoryDevice(1 << 20));
  all.connect().start({ data: () => {}, drain: () => {}, closed: () => {} });
  await all.clock.pass(29_999);
  assert.equal(all.server.connections, 1);
  await all.clock.pass(1);
  assert.equal(all.server.connections, 0);
  assert.match(String(all.failures[0]), /chose no export/);
});

test('a server that falls silent, or goes, ends in one error; nothing is left', async () => {
  const clock = new SimulatedClock();
  const [client, silent] = SimulatedTcp.pair(...ends);
  silent.start({ data: () => {}, drain: () => {}, closed: () => {} });
  const opening = assert.rejects(openNbdDevice(client, { clock, timeout: 5_000 }), { code: 'NBD_TIMEOUT' });
  await clock.pass(5_000);
  await opening;
  assert.equal(clock.pending, 0);

  const device = new HeldDevice(1 << 20);
  const all = rig(device);
  const remote = await all.open({ timeout: 5_000 });
  const lost = assert.rejects(remote.read(0, 512), { code: 'DEVICE_IO', message: /did not answer in 5 s/ });
  await device.holding(1);
  await all.clock.pass(3_000);
  const later = assert.rejects(remote.read(512, 512), { code: 'DEVICE_IO' });
  await all.clock.pass(2_000);
  await Promise.all([lost, later]);
  await assert.rejects(remote.read(0, 512), { code: 'DEVICE_IO' });
  await remote.close().catch(() => {});
  device.releaseAll();
  await all.server.close();
  assert.equal(all.clock.pending, 0);
});
