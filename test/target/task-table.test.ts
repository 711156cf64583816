import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Task } from '../../src/target/task.ts';
import { TaskTable } from '../../src/target/task-table.ts';

test('a table of tasks knows the same tasks as a map, whatever their tags', () => {
  // Tags of few low bits meet in few slots.
  const tag = fc.tuple(fc.nat(3), fc.nat(3)).map(([slot, high]) => ((high << 30) | slot) >>> 0);
  fc.assert(
    fc.property(fc.array(tag, { maxLength: 60 }), (tags) => {
      const table = new TaskTable();
      const model = new Map<number, Task>();
      for (const initiatorTaskTag of tags) {
        const known = model.get(initiatorTaskTag);
        assert.equal(table.get(initiatorTaskTag), known);
        if (known === undefined) {
          const task = { initiatorTaskTag, nextInSlot: undefined } as Task;
          table.add(task);
          model.set(initiatorTaskTag, task);
        } else {
          table.delete(known);
          model.delete(initiatorTaskTag);
        }
        assert.deepEqual(new Set(table.values()), new Set(model.values()));
      }
    }),
  );
});
