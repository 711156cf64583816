import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeFileSystem } from '../../src/os/node-file-system.ts';
import { ReplacedFile } from '../../src/os/replaced-file.ts';
import { seededRandom } from '../support/random.ts';
import { SimulatedMachine } from '../support/simulated-file-system.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const text = (content: Uint8Array | undefined): string | undefined => content && Buffer.from(content).toString();

/** What `work` comes to, with the machine's disk doing its part; undefined when the process died over it. */
async function worked<T>(machine: SimulatedMachine, work: Promise<T>): Promise<T | undefined> {
  let result: T | undefined;
  const done = work.then(
    (value) => {
      result = value;
    },
    () => undefined,
  );
  await machine.settle();
  if (machine.alive) await done;
  return result;
}

test('whatever happens during a save, the old or the new content is there, and after it the new one', async () => {
  let diedWithOld = 0;
  for (let seed = 0; seed < 300; seed++) {
    const random = seededRandom(seed);
    const machine = new SimulatedMachine(random);
    const open = () => new ReplacedFile(machine.fileSystem, '/reservations');
    await worked(machine, open().save(Buffer.from('old')));
    machine.dieAfter(random.below(6));
    const saved = await worked(
      machine,
      open()
        .save(Buffer.from('new, and longer'))
        .then(() => true),
    );
    machine.powerCut();
    const found = text(await worked(machine, open().load()));
    assert.ok(found === 'old' || found === 'new, and longer', `seed ${seed}: ${found}`);
    if (saved) assert.equal(found, 'new, and longer', `seed ${seed}`);
    else if (found === 'old') diedWithOld++;
  }
  assert.ok(diedWithOld > 0, 'some saves were cut short');
});

test('on a real file system: nothing at first, then what was saved last', async (t) => {
  const directory = temporaryDirectory(t);
  const path = `${directory}/lun-0.reservations`;
  assert.equal(await new ReplacedFile(nodeFileSystem, path).load(), undefined);
  await new ReplacedFile(nodeFileSystem, path).save(Buffer.from('a longer first'));
  await new ReplacedFile(nodeFileSystem, path).save(Buffer.from('second'));
  assert.equal(text(await new ReplacedFile(nodeFileSystem, path).load()), 'second');
  assert.deepEqual(nodeFileSystem.list(directory), ['lun-0.reservations']);
});
