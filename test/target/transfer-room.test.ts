import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Task } from '../../src/target/task.ts';
import { TransferRoom } from '../../src/target/transfer-room.ts';

/** The room looks at nothing of a task but who it is; the comparisons here look at the tag. */
function tasks(count: number): Task[] {
  return Array.from({ length: count }, (_, initiatorTaskTag) => ({ initiatorTaskTag }) as Task);
}

test('tasks get their room in order, all of it at once', () => {
  const admitted: Task[] = [];
  const room = new TransferRoom(100, (task) => admitted.push(task));
  const [a, b, c, d] = tasks(4) as [Task, Task, Task, Task];
  room.enter(a, 60);
  room.enter(b, 60);
  room.enter(c, 10);
  assert.deepEqual(admitted, [a], 'c does not overtake b');
  room.leave(a);
  assert.deepEqual(admitted, [a, b, c]);
  room.enter(d, 500);
  room.leave(c);
  assert.equal(admitted.length, 3);
  room.leave(b);
  assert.deepEqual(admitted, [a, b, c, d], 'more than there is, once alone');
});

test('a task that leaves while it waits makes way', () => {
  const admitted: Task[] = [];
  const room = new TransferRoom(100, (task) => admitted.push(task));
  const [a, b, c] = tasks(3) as [Task, Task, Task];
  room.enter(a, 60);
  room.enter(b, 60);
  room.enter(c, 40);
  room.leave(b);
  assert.deepEqual(admitted, [a, c]);
  room.leave(b);
  assert.ok(room.holds(c) && !room.holds(b));
});

test('a task that asks again while it waits has one place, and leaves nothing behind', () => {
  const admitted: Task[] = [];
  const room = new TransferRoom(100, (task) => admitted.push(task));
  const [a, b, c] = tasks(3) as [Task, Task, Task];
  room.enter(a, 60);
  room.enter(b, 60);
  room.enter(b, 80);
  room.leave(a);
  room.leave(b);
  room.enter(c, 100);
  assert.deepEqual(admitted, [a, b, c]);
});
