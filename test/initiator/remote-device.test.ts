/** A remote unit as a Device, over a simulated line to this project's own target: what any Device promises, it keeps. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Device } from '../../src/block/device.ts';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { Initiator } from '../../src/initiator/initiator.ts';
import { openRemoteDevice } from '../../src/initiator/remote-device.ts';
import type { Wishes } from '../../src/iscsi/parameters.ts';
import { encodeLun } from '../../src/scsi/lun.ts';
import { openDirectory } from '../../src/target/directory.ts';
import { Portal } from '../../src/target/portal.ts';
import { Target } from '../../src/target/target.ts';
import type { UnitFeatures } from '../../src/target/unit-features.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { type LineOptions, SimulatedNetwork } from '../support/simulated-tcp.ts';
import { WriteBackDevice } from '../target/write-back-device.ts';
import { targetName } from './support.ts';

const BLOCKS = 1024;

interface Served {
  readonly line?: LineOptions;
  readonly wishes?: Partial<Wishes>;
  readonly features?: UnitFeatures;
}

async function connect<D extends Device>(disk: D, { line = {}, wishes = {}, features = {} }: Served = {}) {
  const stack = new AsyncDisposableStack();
  const clock = new SimulatedClock();
  const network = new SimulatedNetwork(line);
  const target = new Target({ name: targetName, units: new Map([[0, disk]]), features: new Map([[0, features]]) });
  const endpoint = { address: '192.0.2.1', port: 3260 };
  stack.use(await Portal.open({ network, endpoint, clock, directory: openDirectory([target]) }));
  const initiator = new Initiator({ network, clock, initiatorName: 'iqn.2001-04.com.example:client', wishes });
  const session = stack.use(await initiator.login({ host: '192.0.2.1', port: 3260 }, targetName));
  const device = await openRemoteDevice(session, encodeLun(0), clock);
  return { device, disk, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const smallDisk = (): MemoryDevice => new MemoryDevice(BLOCKS * 512);

type Operation =
  | {
      readonly kind: 'write';
      readonly at: number;
      readonly count: number;
      readonly fill: number;
      readonly fua: boolean;
    }
  | { readonly kind: 'read' | 'zero' | 'unmap'; readonly at: number; readonly count: number };

const range = { at: fc.integer({ min: 0, max: BLOCKS - 1 }), count: fc.integer({ min: 1, max: 300 }) };
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({
    kind: fc.constant('write' as const),
    ...range,
    fill: fc.integer({ min: 1, max: 255 }),
    fua: fc.boolean(),
  }),
  fc.record({ kind: fc.constantFrom('read' as const, 'zero' as const, 'unmap' as const), ...range }),
);

test('any row of reads, writes, zeros and unmaps leaves what it leaves in memory', async () => {
  const setting = fc.record({
    blockSize: fc.constantFrom(512, 4096),
    immediateData: fc.boolean(),
    initialR2T: fc.boolean(),
    firstBurstLength: fc.constantFrom(512, 4096, 65_536),
    maxRecvDataSegmentLength: fc.constantFrom(512, 8192, 262_144),
    chunk: fc.integer({ min: 100, max: 9000 }),
    operations: fc.array(operation, { minLength: 1, maxLength: 8 }),
  });
  await fc.assert(
    fc.asyncProperty(setting, async ({ blockSize, operations, chunk, ...wishes }) => {
      const cut = (bytes: Uint8Array) =>
        Array.from({ length: Math.ceil(bytes.length / chunk) }, (_, index) =>
          bytes.subarray(index * chunk, (index + 1) * chunk),
        );
      await using rig = await connect(new MemoryDevice(BLOCKS * blockSize, { blockSize }), { line: { cut }, wishes });
      const model = new Uint8Array(BLOCKS * blockSize);
      for (const each of operations) {
        const offset = each.at * blockSize;
        const length = Math.min(each.count, BLOCKS - each.at) * blockSize;
        if (each.kind === 'write') {
          const data = new Uint8Array(length).map((_, index) => each.fill ^ (index >>> 9));
          await rig.device.write(offset, [data.subarray(0, 100), data.subarray(100)], { fua: each.fua });
          model.set(data, offset);
        } else if (each.kind === 'read') {
          const read = Buffer.concat(await rig.device.read(offset, length));
          assert.ok(read.equals(model.subarray(offset, offset + length)));
        } else {
          await (each.kind === 'zero' ? rig.device.writeZeroes(offset, length) : rig.device.unmap(offset, length));
          model.fill(0, offset, offset + length);
        }
      }
      await rig.device.flush();
      const [there = new Uint8Array(0)] = rig.disk.read(0, model.length);
      assert.ok(Buffer.from(there).equals(model));
    }),
    { numRuns: 20 },
  );
});

test('many commands at a time come back to whom they belong', async () => {
  await using rig = await connect(smallDisk());
  await Promise.all(
    Array.from({ length: 300 }, async (_, index) => {
      const data = new Uint8Array(512).fill(index);
      await rig.device.write(index * 512, [data]);
      assert.deepEqual(Buffer.concat(await rig.device.read(index * 512, 512)), Buffer.from(data));
    }),
  );
});

test('what does not lie on the disk is a DEVICE_IO', async () => {
  await using rig = await connect(smallDisk());
  await assert.rejects(Promise.resolve(rig.device.read(rig.device.size, 512)), { code: 'DEVICE_IO' });
});

for (const dpoFua of [true, false]) {
  test(`a write with FUA is durable when it is done, at a unit ${dpoFua ? 'with' : 'without'} DPO and FUA`, async () => {
    await using rig = await connect(new WriteBackDevice(BLOCKS * 512), { features: { dpoFua } });
    assert.equal(rig.device.capabilities.fua, dpoFua ? 'native' : 'emulated');
    await rig.device.write(0, [Buffer.alloc(512, 'a')], { fua: true });
    assert.deepEqual(rig.disk.durable.subarray(0, 512), Buffer.alloc(512, 'a'));
  });
}
