import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Device } from '../../src/block/device.ts';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { type OverlayDevice, openOverlay } from '../../src/block/overlay.ts';
import { DisklessError } from '../../src/bytes/index.ts';
import { type Random, seededRandom } from '../support/random.ts';
import { type Operation, SimulatedMachine } from '../support/simulated-file-system.ts';

const BLOCK = 4096;
const SIZE = 16 * BLOCK + 512;
const IDENTITY = new Uint8Array(32).fill(1);
const PATHS = { data: 'd.data', map: 'd.map', live: 'd.live' };
const image = new MemoryDevice(new Uint8Array(SIZE).fill(0xaa), { readOnly: true });

/** Everything is in the page cache, and things happen in the order in which they were asked for. */
const orderly: Random = { below: () => 0, oneIn: () => true, pick: ([first]) => first };

/** Waits while the machine does its background work. */
async function worked<T>(machine: SimulatedMachine, result: T | Promise<T>): Promise<T> {
  const settled = Promise.resolve(result);
  settled.catch(() => undefined);
  await machine.settle();
  return settled;
}

function open(
  machine: SimulatedMachine,
  base: Device = image,
  identity: Uint8Array = IDENTITY,
): Promise<OverlayDevice> {
  return worked(machine, openOverlay(machine.fileSystem, PATHS, base, identity));
}

async function content(machine: SimulatedMachine, disk: Device, offset: number, length: number): Promise<Buffer> {
  return Buffer.concat(await worked(machine, disk.read(offset, length)));
}

const filled = (length: number, value: number): Uint8Array<ArrayBuffer> => new Uint8Array(length).fill(value);

test('writes of whole blocks, and into blocks that are its own, are done in this turn of the loop', async () => {
  const machine = new SimulatedMachine(orderly);
  const slow: Device = Object.create(image, { read: { value: () => new Promise(() => undefined) } });
  const disk = await open(machine, slow);
  assert.equal(disk.write(BLOCK, [filled(2 * BLOCK, 1)]), undefined);
  assert.equal(disk.write(BLOCK + 512, [filled(BLOCK, 2)]), undefined);
  assert.equal(disk.write(16 * BLOCK, [filled(512, 3)]), undefined, 'the short last block is whole too');
  assert.equal(disk.unmap(BLOCK, BLOCK), undefined);
  assert.equal(disk.write(BLOCK + 512, [filled(512, 4)]), undefined, 'zeros need not be fetched');
  assert(disk.write(5 * BLOCK + 512, [filled(512, 5)]) instanceof Promise, 'the rest of the block is the image’s');
});

test('a read of blocks that lie side by side in the data file is one buffer', async () => {
  const machine = new SimulatedMachine(orderly);
  const disk = await open(machine);
  for (let block = 0; block < 8; block++) disk.write(block * BLOCK, [filled(BLOCK, block)]);
  const parts = disk.read(512, 7 * BLOCK);
  assert(!(parts instanceof Promise));
  assert.equal(parts.length, 1);
});

test('two writes into one block while its rest is fetched both take place', async () => {
  const machine = new SimulatedMachine(orderly);
  const later: Device = Object.create(image, {
    read: { value: (offset: number, length: number) => machine.later(() => image.read(offset, length)) },
  });
  const disk = await open(machine, later);
  const first = disk.write(512, [filled(512, 1)]);
  const second = disk.write(1024, [filled(512, 2)]);
  await worked(machine, Promise.all([first, second]));
  const bytes = await content(machine, disk, 0, BLOCK);
  const expected = Buffer.concat([filled(512, 0xaa), filled(512, 1), filled(512, 2), filled(BLOCK - 1536, 0xaa)]);
  assert.deepEqual(bytes, expected);
});

test('extents: the disk’s own blocks, zeros, and what the image says of the rest', async () => {
  const machine = new SimulatedMachine(orderly);
  const half: Device = Object.create(image, {
    extents: {
      value: (offset: number, length: number) => [
        { offset, length: length / 2, allocated: true, zero: false },
        { offset: offset + length / 2, length: length / 2, allocated: false, zero: true },
      ],
    },
  });
  const disk = await open(machine, half);
  disk.write(2 * BLOCK, [filled(BLOCK, 1)]);
  disk.unmap(3 * BLOCK, 2 * BLOCK);
  assert.deepEqual(disk.extents(0, 5 * BLOCK), [
    { offset: 0, length: BLOCK, allocated: true, zero: false },
    { offset: BLOCK, length: BLOCK, allocated: false, zero: true },
    { offset: 2 * BLOCK, length: BLOCK, allocated: true, zero: false },
    { offset: 3 * BLOCK, length: 2 * BLOCK, allocated: false, zero: true },
  ]);
});

test('a flush writes only what changed, and a second one nothing', async () => {
  const machine = new SimulatedMachine(orderly);
  const disk = await open(machine);
  await worked(machine, disk.flush());
  const done: string[] = [];
  machine.fault = (operation: Operation, path: string) => {
    done.push(`${operation} ${path}`);
    return undefined;
  };
  disk.write(0, [filled(BLOCK, 1)]);
  await worked(machine, disk.flush());
  assert.deepEqual(done, ['write d.data', 'write d.live', 'sync d.data', 'write d.map', 'sync d.map']);
  done.length = 0;
  disk.write(0, [filled(BLOCK, 2)]);
  await worked(machine, disk.flush());
  assert.deepEqual(done, ['write d.data', 'sync d.data'], 'an overwrite changes no map');
  done.length = 0;
  assert.equal(disk.flush(), undefined);
  assert.deepEqual(done, []);
});

test('flushes that come while one runs share the next one', async () => {
  const machine = new SimulatedMachine(orderly);
  const disk = await open(machine);
  await worked(machine, disk.flush());
  let syncs = 0;
  machine.fault = (operation) => {
    if (operation === 'sync') syncs++;
    return undefined;
  };
  disk.write(0, [filled(BLOCK, 1)]);
  const flushes = [disk.flush()];
  disk.write(0, [filled(BLOCK, 2)]);
  flushes.push(disk.flush(), disk.flush(), disk.flush());
  await worked(machine, Promise.all(flushes));
  assert.equal(syncs, 3, 'data and map for the first, data for the others');
});

test('closing flushes, and the disk opens again as it was', async () => {
  const machine = new SimulatedMachine(seededRandom(1));
  const disk = await open(machine);
  disk.write(3 * BLOCK, [filled(BLOCK, 7)]);
  await worked(machine, disk.close());
  machine.powerCut();
  const again = await open(machine);
  assert.deepEqual(await content(machine, again, 3 * BLOCK, BLOCK), Buffer.alloc(BLOCK, 7));
});

test('a full disk refuses the write, says so, and keeps everything else', async () => {
  const machine = new SimulatedMachine(orderly);
  const disk = await open(machine);
  disk.write(0, [filled(BLOCK, 1)]);
  for (const path of [PATHS.data, PATHS.live]) {
    machine.fault = (operation, where) =>
      operation === 'write' && where === path ? new DisklessError('FILE_NO_SPACE', `${path} is full`) : undefined;
    assert.throws(() => disk.write(BLOCK, [filled(BLOCK, 2)]), { code: 'DEVICE_NO_SPACE' });
    assert.deepEqual(
      await content(machine, disk, 0, 2 * BLOCK),
      Buffer.concat([filled(BLOCK, 1), filled(BLOCK, 0xaa)]),
    );
  }
  machine.fault = (operation, path) =>
    operation === 'write' && path === PATHS.map ? new DisklessError('FILE_NO_SPACE', 'the map is full') : undefined;
  await assert.rejects(async () => worked(machine, disk.flush()), { code: 'DEVICE_NO_SPACE' });
  machine.fault = undefined;
  await worked(machine, disk.flush());
  machine.powerCut();
  const again = await open(machine);
  assert.deepEqual(await content(machine, again, 0, 2 * BLOCK), Buffer.concat([filled(BLOCK, 1), filled(BLOCK, 0xaa)]));
});

test('a sync that failed is never made good by a later one', async () => {
  const machine = new SimulatedMachine(orderly);
  const disk = await open(machine);
  disk.write(0, [filled(BLOCK, 1)]);
  machine.fault = (operation) => (operation === 'sync' ? new DisklessError('FILE_IO', 'ill') : undefined);
  await assert.rejects(async () => worked(machine, disk.flush()), { code: 'DEVICE_IO' });
  machine.fault = undefined;
  await assert.rejects(async () => worked(machine, disk.flush()), { code: 'DEVICE_IO' });
});

test('a disk is not opened twice, nor over another image', async () => {
  const machine = new SimulatedMachine(orderly);
  const disk = await open(machine);
  await assert.rejects(open(machine), { code: 'FILE_LOCKED' });
  await worked(machine, disk.close());
  await assert.rejects(open(machine, image, filled(32, 9)), { code: 'OVERLAY_BASE_MISMATCH' });
  const larger = new MemoryDevice(SIZE + 512, { readOnly: true });
  await assert.rejects(open(machine, larger), { code: 'OVERLAY_BASE_MISMATCH' });
  await open(machine);
});

test('damaged files are refused, each for its reason', async () => {
  const damage = async (path: string, harm: (machine: SimulatedMachine) => void, code: string): Promise<void> => {
    const machine = new SimulatedMachine(orderly);
    const disk = await open(machine);
    disk.write(0, [filled(BLOCK, 1)]);
    await worked(machine, disk.close());
    harm(machine);
    await assert.rejects(open(machine), { code }, path);
  };
  const overwrite = (path: string, offset: number, bytes: number[]) => (machine: SimulatedMachine) =>
    machine.fileSystem.open(path, 'write').writev([Uint8Array.from(bytes)], offset);
  await damage('a bit of the header', overwrite(PATHS.map, 20, [0xff]), 'OVERLAY_CORRUPT');
  await damage('a state that is none', overwrite(PATHS.map, 4096 + 1, [0b1100]), 'OVERLAY_CORRUPT');
  await damage('a shorter data file', (m) => m.fileSystem.open(PATHS.data, 'write').truncate(512), 'OVERLAY_CORRUPT');
  await damage('no map', (m) => void m.fileSystem.remove(PATHS.map), 'OVERLAY_MAP_MISSING');
});

test('a live map that is damaged or from another boot is made anew from the durable one', async () => {
  const machine = new SimulatedMachine(orderly);
  const disk = await open(machine);
  disk.write(0, [filled(BLOCK, 1)]);
  await worked(machine, disk.close());
  machine.fileSystem.open(PATHS.live, 'write').writev([filled(8192, 0x55)], 0);
  const again = await open(machine);
  assert.deepEqual(await content(machine, again, 0, 2 * BLOCK), Buffer.concat([filled(BLOCK, 1), filled(BLOCK, 0xaa)]));
});
