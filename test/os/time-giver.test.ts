import assert from 'node:assert/strict';
import { closeSync, openSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { TimeGiverThread } from '../../src/os/time-giver.ts';
import { FuseFile, fuseFileNeeds } from '../support/fuse-file.ts';
import { requires } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

async function started(): Promise<TimeGiverThread> {
  const giver = new TimeGiverThread();
  while (!giver.isFree) await new Promise((resolve) => setTimeout(resolve, 1));
  return giver;
}

/** Gives until it is in time: a busy machine may take the processor from the thread. */
async function give(giver: TimeGiverThread, files: readonly [number, ...number[]]): Promise<void> {
  while (!giver.give(files)) {
    const late = giver.whenDoneWith(files[0]);
    assert(late !== undefined, 'refused');
    await late;
  }
}

test('all files that are named get the time of this moment', { skip: process.platform !== 'linux' }, async (t) => {
  const folder = temporaryDirectory(t);
  const paths = ['one', 'two', 'three'].map((name) => join(folder, name));
  for (const path of paths) {
    writeFileSync(path, '');
    utimesSync(path, 1, 1);
  }
  const [one, two] = paths.slice(0, 2).map((path) => openSync(path, 'r+'));
  assert(one !== undefined && two !== undefined);
  await give(await started(), [one, two]);
  for (const file of [one, two]) closeSync(file);
  assert.deepEqual(
    paths.map((path) => statSync(path).mtimeMs === 1000),
    [false, false, true],
  );
});

test('a file that takes no time is refused, and the next one is given it', {
  skip: process.platform !== 'linux',
}, async (t) => {
  const giver = await started();
  assert(!giver.give([1_000_000]), 'no such descriptor');
  while (!giver.isFree) await giver.whenDoneWith(1_000_000);
  const file = openSync(join(temporaryDirectory(t), 'file'), 'w');
  t.after(() => closeSync(file));
  await give(giver, [file]);
});

test('a file system that hangs holds the thread, and the loop for a moment only', async (t) => {
  if (!requires(t, ...fuseFileNeeds)) return;
  await using hanging = await FuseFile.start(t, 1 << 20);
  const giver = await started();
  const file = openSync(hanging.path, 'r+');
  hanging.freeze();
  assert(!giver.give([file]));
  assert(!giver.isFree);
  assert.equal(giver.whenDoneWith(file + 1), undefined);
  const done = giver.whenDoneWith(file);
  assert(done instanceof Promise);
  hanging.resume();
  await done;
  assert(giver.isFree);
  closeSync(file);
});
