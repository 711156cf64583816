import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Task } from '../../src/target/task.ts';

setFlagsFromString('--expose-gc');
setFlagsFromString('--allow-natives-syntax');
const collect: () => void = runInNewContext('gc');
const isFast: (object: unknown) => boolean = runInNewContext('(object) => %HasFastProperties(object)');

function makeTasks(count: number): unknown {
  let last: unknown;
  for (let made = 0; made < count; made++) {
    last = Reflect.construct(Task, [undefined, undefined, new Uint8Array(48), {}, undefined]);
  }
  return last;
}

test('tasks are no dictionaries when all have been collected that V8 had seen while it still counted their fields', async () => {
  // It counts while it makes seven.
  makeTasks(6);
  for (let round = 0; round < 3; round++) {
    // What the stack still refers to is gone in another turn of the loop.
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
  assert.equal(isFast(makeTasks(20)), true);
});
