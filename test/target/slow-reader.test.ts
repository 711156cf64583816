/** Initiators that take nothing: what they have asked for fills no more memory than the bounds say. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Opcode } from '../../src/iscsi/opcode.ts';
import { BasicHeader, DataIn } from '../../src/iscsi/pdu.ts';
import { Transfer10Cdb } from '../../src/scsi/index.ts';
import { payloadInUse } from '../fuzz/memory-in-use.ts';
import { settled } from '../support/simulated-clock.ts';
import type { SimulatedNetwork } from '../support/simulated-tcp.ts';
import { LateDevice } from './late-device.ts';
import { RawInitiator } from './raw-initiator.ts';
import { serveTarget, TARGET } from './served-target.ts';

const BLOCK = 512;
const MIB = 1 << 20;
/** What reads may fill while the device is at work, and a socket that is full by one piece more. */
const BOUND = 16 * MIB + 4 * MIB;

/** A disk that never answers at once, and counts what it has given out. */
class LateDisk extends LateDevice {
  given = 0;

  override async read(offset: number, length: number): Promise<readonly Uint8Array[]> {
    this.given += length;
    await new Promise((resolve) => setImmediate(resolve));
    return super.read(offset, length);
  }
}

/** One whose answers are memory of their own, and come when it has been let go. */
class CopyingDisk extends LateDisk {
  readonly #start = Promise.withResolvers<void>();

  letGo(): void {
    this.#start.resolve();
  }

  override async read(offset: number, length: number): Promise<readonly Uint8Array[]> {
    const parts = await super.read(offset, length);
    await this.#start.promise;
    return parts.map((part) => Uint8Array.from(part));
  }
}

function read(block: number, blocks: number): Uint8Array {
  return Transfer10Cdb.encode({ operationCode: 0x28, logicalBlockAddress: block, transferLength: blocks });
}

/** An initiator, and how many bytes have come to it. */
async function connect(network: SimulatedNetwork): Promise<{ initiator: RawInitiator; arrived: () => number }> {
  const tcp = await network.connectTcp({ address: '192.0.2.1', port: 3260 });
  const start = tcp.start.bind(tcp);
  let arrived = 0;
  tcp.start = (handler) =>
    start({
      data(chunk) {
        arrived += chunk.length;
        handler.data(chunk);
      },
      drain: () => handler.drain(),
      closed: (error) => handler.closed(error),
    });
  return { initiator: new RawInitiator(tcp), arrived: () => arrived };
}

async function rested(): Promise<void> {
  for (let turn = 0; turn < 40; turn++) await settled();
}

for (const [name, length, count, level] of [
  ['reads of a MiB', MIB, 120, '0'],
  ['reads of a MiB at ErrorRecoveryLevel 2', MIB, 120, '2'],
  ['long reads, which are fetched in pieces', 8 * MIB, 40, '0'],
  ['long reads at ErrorRecoveryLevel 2', 8 * MIB, 40, '2'],
] as const) {
  test(`${name}: a socket that nobody empties keeps the device from filling the memory`, async () => {
    const device = new LateDisk(8 * MIB);
    await using served = await serveTarget({ device, line: { window: 256 * 1024 } });
    const { initiator, arrived } = await connect(served.network);
    // A portal waits for whoever takes nothing: also when this test fails.
    using _gone = { [Symbol.dispose]: () => initiator.tcp.destroy() };
    await initiator.login({
      targetName: TARGET,
      keys: { MaxRecvDataSegmentLength: '262144', ErrorRecoveryLevel: level },
    });
    initiator.tcp.pause();
    const tags = new Set<number>();
    for (let asked = 0; asked < count; asked++) tags.add(initiator.command(read(0, length / BLOCK), { length }));
    await rested();
    assert.ok(device.given > 0);
    assert.ok(device.given <= BOUND, `${device.given / MIB} MiB were fetched for nobody`);

    // Whoever takes it after all gets all of it, as fast as it is taken.
    initiator.tcp.resume();
    let taken = 0;
    while (tags.size > 0) {
      const pdu = await initiator.next();
      assert.ok(pdu);
      assert.equal(BasicHeader.view(pdu.header).opcode, Opcode.dataIn);
      taken += pdu.dataLength;
      assert.ok(device.given - arrived() <= BOUND, `${(device.given - arrived()) / MIB} MiB ahead`);
      if (DataIn.view(pdu.header).hasStatus) tags.delete(BasicHeader.view(pdu.header).initiatorTaskTag);
    }
    assert.equal(taken, count * length);
  });
}

/** Commands of a window, and immediate ones beside it. */
const [WINDOW, IMMEDIATE] = [128, 32];
const SOCKET = 256 * 1024;
const SMALL = 64 << 10;

/** Asks for all the READs that it may have under way. */
async function askForReads(initiator: RawInitiator, length: number): Promise<void> {
  for (let count = 0; count < WINDOW; count++) initiator.command(read(0, length / BLOCK), { length });
  for (let count = 0; count < IMMEDIATE; count++) {
    initiator.command(read(0, length / BLOCK), { length, immediate: true });
  }
  await rested();
}

for (const [length, level] of [
  [4096, '0'],
  [4096, '1'],
  [4096, '2'],
  [SMALL, '0'],
  [SMALL, '1'],
  [SMALL, '2'],
] as const) {
  test(`READs of ${length} bytes at ErrorRecoveryLevel ${level}: a socket that nobody empties adds nothing to those of a command window`, async () => {
    const device = new LateDisk(MIB);
    await using served = await serveTarget({ device, line: { window: SOCKET } });
    const { initiator, arrived } = await connect(served.network);
    using _gone = { [Symbol.dispose]: () => initiator.tcp.destroy() };
    await initiator.login({ targetName: TARGET, keys: { ErrorRecoveryLevel: level } });
    initiator.tcp.pause();
    // The window slides on as they are answered, whether or not the answers are taken.
    for (let round = 0; round < 4; round++) await askForReads(initiator, length);
    const bound = SOCKET + (WINDOW + IMMEDIATE) * length;
    assert.ok(device.given >= SOCKET, 'it was asked for');
    assert.ok(device.given - arrived() <= bound, `${device.given} bytes were fetched for nobody, of ${bound}`);
  });
}

for (const [level, copies] of [
  ['0', 1],
  // The simulated line copies what it carries, and here the target keeps it as well, to send it again.
  ['2', 2],
] as const) {
  test(`sessions that take nothing hold a window of small READs each, and no more, at ErrorRecoveryLevel ${level}`, async () => {
    const device = new CopyingDisk(MIB);
    await using served = await serveTarget({ device, line: { window: SOCKET } });
    const sessions = 8;
    // What the tests before this one have left is gone by then.
    await rested();
    const before = payloadInUse();
    const initiators: RawInitiator[] = [];
    using _gone = { [Symbol.dispose]: () => initiators.forEach(({ tcp }) => void tcp.destroy()) };
    for (let at = 0; at < sessions; at++) {
      const { initiator } = await connect(served.network);
      initiators.push(initiator);
      await initiator.login({ targetName: TARGET, isid: `80000000000${at}`, keys: { ErrorRecoveryLevel: level } });
      initiator.tcp.pause();
    }
    const ask = () => Promise.all(initiators.map((initiator) => askForReads(initiator, SMALL)));
    await ask();
    device.letGo();
    for (let round = 0; round < 3; round++) await ask();
    const each = (payloadInUse() - before) / sessions;
    const window = copies * (WINDOW + IMMEDIATE) * SMALL;
    // Headers, and what the initiators have asked since, are small beside the data.
    assert.ok(each <= SOCKET + window + MIB, `${each / MIB} MiB of each session`);
    assert.ok(each > window / 2, 'it is their data that is counted');
  });
}

test('a reader that has stopped holds up nobody else', async () => {
  const device = new LateDisk(8 * MIB);
  await using served = await serveTarget({ device, line: { window: 256 * 1024 } });
  const stopped = await served.connect();
  using _gone = { [Symbol.dispose]: () => stopped.tcp.destroy() };
  await stopped.login({ targetName: TARGET, isid: '800000000001' });
  const other = await served.connect();
  await other.login({ targetName: TARGET, isid: '800000000002' });
  stopped.tcp.pause();
  for (let asked = 0; asked < 100; asked++) stopped.command(read(0, 2048), { length: MIB });
  await rested();
  for (let asked = 0; asked < 20; asked++) {
    assert.equal((await other.run(read(asked, 128), { length: 128 * BLOCK })).data.length, 128 * BLOCK);
  }
});
