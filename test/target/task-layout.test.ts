import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Task } from '../../src/target/task.ts';

setFlagsFromString('--expose-gc');
setFlagsFromString('--allow-natives-syntax');
const collect: () => void = runInNewContext('gc');
const isFast: (object: unknown) => boolean = runInNewContext('(object) => %HasFastProperties(object)');
const haveSameLayout: (a: unknown, b: unknown) => boolean = runInNewContext('(a, b) => %HaveSameMap(a, b)');

function makeTask(): Task {
  return Reflect.construct(Task, [undefined, undefined, new Uint8Array(48), {}, undefined]);
}

function makeTasks(count: number): Task {
  let last = makeTask();
  for (let made = 1; made < count; made++) last = makeTask();
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

test('the kept task has the layout of all others, however large the numbers in them were', () => {
  const numbers = Object.entries(makeTask()).flatMap(([name, value]) => (typeof value === 'number' ? [name] : []));
  assert.ok(numbers.length >= 10, numbers.join(', '));
  for (const name of numbers) {
    Object.assign(makeTask(), { [name]: 2 ** 40 });
    assert.ok(haveSameLayout(Task.exemplar, makeTask()), name);
  }
});
