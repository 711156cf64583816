/** Initiators that take nothing: what they have asked for fills no more memory than the bounds say. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Opcode } from '../../src/iscsi/opcode.ts';
import { BasicHeader, DataIn } from '../../src/iscsi/pdu.ts';
import { Transfer10Cdb } from '../../src/scsi/index.ts';
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
