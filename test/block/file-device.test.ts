import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FileDevice } from '../../src/block/file-device.ts';
import { seededRandom } from '../support/random.ts';
import { SimulatedMachine } from '../support/simulated-file-system.ts';

const BLOCK = 4096;
const SIZE = 4 * BLOCK;

function made(machine: SimulatedMachine, path: string): FileDevice {
  const file = machine.fileSystem.open(path, 'create');
  file.truncate(SIZE);
  return new FileDevice(file, path, SIZE, {});
}

test('a file that is long in telling its holes holds up no other device, and fails its own command alone', async () => {
  const machine = new SimulatedMachine(seededRandom(1));
  const slow = made(machine, 'slow');
  const other = made(machine, 'other');
  await slow.write(BLOCK, [new Uint8Array(BLOCK).fill(1)]);
  const extents = slow.extents(0, SIZE);
  assert.equal(machine.waiting, 1);
  await other.write(0, [new Uint8Array(BLOCK).fill(2)]);
  assert.equal(machine.waiting, 1);
  await machine.settle();
  assert.deepEqual(await extents, [
    { offset: 0, length: BLOCK, allocated: false, zero: true },
    { offset: BLOCK, length: BLOCK, allocated: true, zero: false },
    { offset: 2 * BLOCK, length: 2 * BLOCK, allocated: false, zero: true },
  ]);
  const closing = slow.close();
  await machine.settle();
  await closing;
  await assert.rejects(async () => slow.extents(0, SIZE), { code: 'DEVICE_IO' });
});
