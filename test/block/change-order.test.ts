/** Disks over files whose writes wait until the test completes them, in any order. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChangeOrder } from '../../src/block/change-order.ts';
import type { Device } from '../../src/block/device.ts';
import { FileDevice } from '../../src/block/file-device.ts';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { openOverlay } from '../../src/block/overlay.ts';
import { DisklessError } from '../../src/bytes/index.ts';
import { seededRandom } from '../support/random.ts';
import { settled } from '../support/simulated-clock.ts';
import { SimulatedMachine } from '../support/simulated-file-system.ts';

const BLOCK = 4096;
const SIZE = 16 * BLOCK;
const SEEDS = 40;

test('what overlaps waits for all that came before, and for no more', async () => {
  const order = new ChangeOrder();
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  assert.equal(order.earlier(0, 100), undefined);
  const until = (_offset: number, done: Promise<void>): Promise<void> => done;
  void order.make(0, 10, until, 0, first.promise);
  const failed = assert.rejects(async () => order.make(20, 30, until, 20, second.promise), /a change that fails/);
  assert.equal(order.earlier(10, 20), undefined, 'between the two');
  const both = order.earlier(9, 21);
  assert(both !== undefined);
  let over = false;
  void both.then(() => {
    over = true;
  });
  first.resolve();
  await settled();
  assert(!over);
  assert.equal(order.earlier(0, 10), undefined);
  second.reject(new Error('a change that fails is over too'));
  await settled();
  assert(over);
  await failed;
  assert.equal(order.earlier(0, 100), undefined);
});

const disks: Record<string, (machine: SimulatedMachine) => Promise<Device>> = {
  'a file': async (machine) => {
    const file = machine.fileSystem.open('file', 'create');
    file.truncate(SIZE);
    return new FileDevice(file, 'file', SIZE, {});
  },
  'a copy-on-write disk': async (machine) => {
    const image = new MemoryDevice(new Uint8Array(SIZE).fill(9), { readOnly: true });
    const paths = { data: 'data', map: 'map', live: 'live' };
    const opening = openOverlay(machine.fileSystem, paths, image, new Uint8Array(32));
    await machine.settle();
    return opening;
  },
};

for (const [name, make] of Object.entries(disks)) {
  const trials = async (work: (device: Device, machine: SimulatedMachine) => Promise<void>): Promise<void> => {
    for (let seed = 0; seed < SEEDS; seed++) {
      const random = seededRandom(seed);
      const machine = new SimulatedMachine(random);
      const device = await make(machine);
      // The first waits in any case: what comes after it must not overtake it, whether the disk is quick by then or not.
      let first = true;
      machine.writesLater = () => {
        const later = first || random.oneIn(2);
        first = false;
        return later;
      };
      await work(device, machine);
    }
  };
  const content = async (device: Device, machine: SimulatedMachine): Promise<Uint8Array> => {
    const reading = Promise.resolve(device.read(0, BLOCK));
    await machine.settle();
    return Buffer.concat(await reading);
  };

  test(`${name}: changes that overlap end as they were asked for, on a disk that is slow and quick in turn`, async () => {
    await trials(async (device, machine) => {
      const changes = [
        device.write(0, [new Uint8Array(BLOCK).fill(1)]),
        device.writeZeroes(0, BLOCK),
        device.write(0, [new Uint8Array(1024).fill(2)]),
        device.unmap(0, BLOCK),
        device.write(512, [new Uint8Array(1024).fill(3)]),
      ];
      await machine.settle();
      await Promise.all(changes);
      const expected = new Uint8Array(BLOCK).fill(3, 512, 1536);
      assert.deepEqual(await content(device, machine), Buffer.from(expected));
    });
  });

  test(`${name}: of writes to parts of one block none is lost`, async () => {
    await trials(async (device, machine) => {
      const parts = Array.from({ length: BLOCK / 512 }, (_, index) => index);
      const changes = parts.map((index) => device.write(index * 512, [new Uint8Array(512).fill(index + 1)]));
      await machine.settle();
      await Promise.all(changes);
      const expected = Buffer.concat(parts.map((index) => new Uint8Array(512).fill(index + 1)));
      assert.deepEqual(await content(device, machine), expected);
    });
  });

  test(`${name}: a read sees the writes that were asked for before it`, async () => {
    await trials(async (device, machine) => {
      void device.write(0, [new Uint8Array(BLOCK).fill(1)]);
      assert.deepEqual(await content(device, machine), Buffer.alloc(BLOCK, 1));
    });
  });
}

test('a write that fails late fails alone: those that waited for it are made', async () => {
  for (const make of Object.values(disks)) {
    const machine = new SimulatedMachine(seededRandom(1));
    const device = await make(machine);
    machine.writesLater = () => true;
    let faults = 1;
    machine.fault = (operation) =>
      operation === 'write' && faults-- > 0 ? new DisklessError('FILE_NO_SPACE', 'full') : undefined;
    const failing = assert.rejects(async () => device.write(0, [new Uint8Array(512).fill(1)]), {
      code: 'DEVICE_NO_SPACE',
    });
    const waiting = device.write(0, [new Uint8Array(512).fill(2)]);
    await machine.settle();
    await failing;
    await waiting;
    const reading = Promise.resolve(device.read(0, 512));
    await machine.settle();
    assert.deepEqual(Buffer.concat(await reading), Buffer.alloc(512, 2));
  }
});

for (const [name, make] of Object.entries(disks)) {
  test(`${name}: a write that is held holds up no other disk, and is in its file once it is acknowledged`, async () => {
    const held = new SimulatedMachine(seededRandom(1));
    const free = new SimulatedMachine(seededRandom(2));
    const [slow, quick] = [await make(held), await make(free)];
    held.writesLater = () => true;
    const inFile = (machine: SimulatedMachine): Buffer => {
      const path = machine.fileSystem.status('data') === undefined ? 'file' : 'data';
      const bytes = Buffer.alloc(BLOCK);
      machine.fileSystem.open(path, 'write').readSync(bytes, 0);
      return bytes;
    };
    let acknowledged: Buffer | undefined;
    const write = Promise.resolve(slow.write(0, [new Uint8Array(BLOCK).fill(1)])).then(() => {
      acknowledged = inFile(held);
    });
    for (let value = 1; value <= 3; value++) {
      await quick.write(0, [new Uint8Array(BLOCK).fill(value)]);
      assert.deepEqual(inFile(free), Buffer.alloc(BLOCK, value));
    }
    assert.deepEqual([held.waiting, acknowledged], [1, undefined]);
    await held.settle();
    await write;
    assert.deepEqual(acknowledged, Buffer.alloc(BLOCK, 1));
  });
}
