import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DisklessError } from '../../src/bytes/index.ts';
import { runProcess } from '../../src/os/process.ts';

const node = (script: string, options: Partial<Parameters<typeof runProcess>[2]> = {}): Promise<void> =>
  runProcess(process.execPath, ['-e', script], { silence: 60_000, ...options });

const withCode = (code: string) => (error: unknown) => error instanceof DisklessError && error.code === code;

test('output comes as it is written, and a good end resolves', async () => {
  let output = '';
  await node('process.stdout.write("ab"); process.stdout.write("cd")', { output: (text) => (output += text) });
  assert.equal(output, 'abcd');
});

test('a bad end names the program, its status, and what it complained about', async () => {
  await assert.rejects(node('console.error("no such luck"); process.exit(3)'), (error: unknown) => {
    assert(withCode('PROCESS_FAILED')(error));
    assert.match(String(error), /ended with 3: no such luck/);
    return true;
  });
});

test('a program that is not there', async () => {
  await assert.rejects(runProcess('no-such-program-here', [], { silence: 1000 }), withCode('PROCESS_NOT_FOUND'));
});

test('a signal ends it', async () => {
  const controller = new AbortController();
  const running = node('console.log("up"); setInterval(() => {}, 1000)', {
    signal: controller.signal,
    output: () => controller.abort(),
  });
  await assert.rejects(running, withCode('PROCESS_ABORTED'));
  await assert.rejects(node('', { signal: controller.signal }), withCode('PROCESS_ABORTED'), 'before it began');
});

test('one that is ended is not waited for longer than a moment where what it has started goes on', async () => {
  const controller = new AbortController();
  let started = 0;
  const script =
    'process.stdout.write(String(require("child_process").spawn("sleep", ["60"], { stdio: "inherit" }).pid))';
  const running = node(script, {
    signal: controller.signal,
    output: (pid) => {
      started = Number(pid);
      controller.abort();
    },
  });
  await assert.rejects(running, withCode('PROCESS_ABORTED'));
  process.kill(started, 'SIGKILL');
});

test('its process id is told', async () => {
  let pid = 0;
  let said = '';
  await node('process.stdout.write(String(process.pid))', {
    started: (id) => {
      pid = id;
    },
    output: (text) => (said += text),
  });
  assert.equal(said, String(pid));
});

test('one that is silent for too long is ended', async () => {
  await assert.rejects(node('setInterval(() => {}, 1000)', { silence: 50 }), withCode('PROCESS_STUCK'));
});
