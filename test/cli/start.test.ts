/** Which sources a start of the program reads. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { commands } from '../../src/cli/commands/index.ts';

const launcher = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');
/** Says on stderr, in the program itself, what it loads. */
const listener = `import { registerHooks } from 'node:module';
  registerHooks({ load(url, context, next) { console.error(url); return next(url, context); } });`;

async function start(...args: readonly string[]): Promise<{ rooms: Set<string>; stdout: string }> {
  const listen = ['--import', `data:text/javascript,${encodeURIComponent(listener)}`];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [...listen, launcher, ...args]);
  return { rooms: new Set(Array.from(stderr.matchAll(/\/src\/(\w+)\//g), ([, room = '']) => room)), stdout };
}

test('the list of commands is there without what they do', async () => {
  const { rooms, stdout } = await start('--help');
  assert.deepEqual([...rooms].sort(), ['bytes', 'cli', 'os']);
  for (const [name, { description }] of Object.entries(commands)) {
    assert.match(stdout.replace(/\s+/g, ' '), new RegExp(`${name} ${description.replace(/[()]/g, '\\$&')}`));
  }
});

test('the boot client starts without the sources of the boot server', async () => {
  const { rooms } = await start('boot', '--help');
  assert.ok(rooms.has('boot'));
  for (const room of ['server', 'fleet', 'pool', 'target']) assert.ok(!rooms.has(room), room);
});
