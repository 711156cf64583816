import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Console } from './console.ts';

function makeConsole(): { console: Console; typed: string[]; lines: string[] } {
  const typed: string[] = [];
  const lines: string[] = [];
  const console = new Console(
    (text) => typed.push(text),
    (line) => lines.push(line),
  );
  return { console, typed, lines };
}

test('control sequences are removed, wherever the stream is cut', () => {
  const printed = '\u001b[0;32m  OK  \u001b[0m Started\u001b[K\r\n\u001b[2J\u001b[01;01Hlogin: ';
  for (let cut = 0; cut <= printed.length; cut++) {
    const { console, lines } = makeConsole();
    console.feed(printed.slice(0, cut));
    console.feed(printed.slice(cut));
    assert.equal(console.text, '  OK   Started\nlogin: ', `cut at ${cut}`);
    assert.deepEqual(lines, ['  OK   Started']);
  }
});

test('a wait finds what is there already, and the next one looks behind it', async () => {
  const { console } = makeConsole();
  console.feed('count 1\n');
  assert.equal((await console.waitFor(/count (\d)/, 1000))[1], '1');
  const next = console.waitFor(/count (\d)/, 1000);
  console.feed('coun');
  console.feed('t 2\n');
  assert.equal((await next)[1], '2');
});

test('a wait that fails shows what was on the console', async () => {
  const { console } = makeConsole();
  console.feed('Kernel panic\n');
  await assert.rejects(console.waitFor(/login:/, 1), /no \/login:\/ on the console within .*Kernel panic/s);
  const waiting = console.waitFor(/login:/, 60_000);
  console.close('the machine went off');
  await assert.rejects(waiting, /the machine went off before \/login:\/.*Kernel panic/s);
});

test('a line is typed with Enter', () => {
  const { console, typed } = makeConsole();
  console.send('poweroff');
  assert.deepEqual(typed, ['poweroff\n']);
});
