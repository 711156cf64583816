import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { filesByLun, parseLun } from '../../src/cli/lun-files.ts';
import { openTargetUnit } from '../../src/cli/target-units.ts';
import { systemClock } from '../../src/os/clock.ts';
import { nodeFileSystem } from '../../src/os/node-file-system.ts';
import { nodeLocalSockets } from '../../src/os/node-local-sockets.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';

const settings = { blockSize: 512, physicalBlockSize: undefined, readOnly: false, removable: false, thin: true };

async function image(): Promise<{ readonly path: string } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'diskless-target-units-'));
  const path = join(folder, 'disk.img');
  await writeFile(path, '');
  await truncate(path, 1 << 20);
  return { path, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

const sources = { files: nodeFileSystem, network: nodeNetwork, sockets: nodeLocalSockets, clock: systemClock };

test('--lun is a number and a file, whose name may hold anything', () => {
  assert.deepEqual(parseLun('1=second.img'), [1, 'second.img']);
  assert.deepEqual(parseLun('16383=/a=b.img'), [16_383, '/a=b.img']);
  for (const text of ['second.img', '=x', '1=', '-1=x', '16384=x', '123456=x']) {
    assert.throws(() => parseLun(text), { code: 'USAGE_LUN_INVALID' }, text);
  }
});

test('each file has a number of its own', () => {
  assert.deepEqual(
    [
      ...filesByLun('a', [
        [7, 'b'],
        [2, 'c'],
      ]),
    ],
    [
      [0, 'a'],
      [7, 'b'],
      [2, 'c'],
    ],
  );
  assert.throws(() => filesByLun('a', [[0, 'b']]), { code: 'USAGE_LUN_INVALID' });
  assert.throws(
    () =>
      filesByLun('a', [
        [1, 'b'],
        [1, 'c'],
      ]),
    { code: 'USAGE_LUN_INVALID' },
  );
});

test('nothing is written beside the image until an initiator asks for something to be kept', async () => {
  await using disk = await image();
  const { device, features } = await openTargetUnit(sources, disk.path, settings);
  await assert.rejects(stat(`${disk.path}.reservations`));
  await features.savedReservations?.store.save(Buffer.from('kept'));
  assert.equal(await readFile(`${disk.path}.reservations`, 'utf8'), 'kept');
  await device.close();
});

test('what was kept and cannot be read stops the start, and lets go of the image', async () => {
  await using disk = await image();
  await writeFile(`${disk.path}.reservations`, 'torn');
  await assert.rejects(openTargetUnit(sources, disk.path, settings), { code: 'RESERVATIONS_DAMAGED' });
  await writeFile(`${disk.path}.reservations`, '{"version":1,"registrations":[],"reservation":null}');
  const { device, features } = await openTargetUnit(sources, disk.path, { ...settings, removable: true });
  assert.equal(features.removable, true);
  await device.close();
});
