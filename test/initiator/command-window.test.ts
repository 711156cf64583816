import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandWindow } from '../../src/initiator/command-window.ts';

test('numbers wrap, and so does the window', () => {
  const window = new CommandWindow(0xffff_fffe, 0xffff_fffe, 1);
  const taken: number[] = [];
  while (window.open) taken.push(window.take());
  assert.deepEqual(taken, [0xffff_fffe, 0xffff_ffff, 0, 1]);
  window.update(0, 2);
  assert.equal(window.take(), 2);
  assert.equal(window.open, false);
});

test('older and impossible values change nothing', () => {
  const window = new CommandWindow(1, 1, 1);
  window.update(5, 3);
  assert.equal(window.open, true);
  window.take();
  window.update(1, 0);
  window.update(2, 0xffff_ffff);
  assert.equal(window.open, false, 'a MaxCmdSN that lies behind is old');
  window.update(9, 7);
  assert.equal(window.open, false, 'MaxCmdSN below ExpCmdSN-1 is ignored');
  window.update(2, 2);
  assert.equal(window.open, true);
});
