/** Which sources a start of the program reads. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { commands } from '../../src/cli/commands/index.ts';

const root = new URL('../../', import.meta.url).href;
const launcher = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');
/** Says on stderr, in the program itself, what it loads. */
const listener = `import { registerHooks } from 'node:module';
  registerHooks({ load(url, context, next) { console.error(url); return next(url, context); } });`;

interface Start {
  /** Paths below `src/`. */
  readonly sources: readonly string[];
  readonly packages: ReadonlySet<string>;
  readonly stdout: string;
}

async function start(...args: readonly string[]): Promise<Start> {
  const listen = ['--import', `data:text/javascript,${encodeURIComponent(listener)}`];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [...listen, launcher, ...args]);
  const loaded = stderr.split('\n').filter((url) => url.startsWith(root));
  const below = (folder: string) => {
    return loaded.flatMap((url) =>
      url.startsWith(`${root}${folder}/`) ? url.slice(root.length + folder.length + 1) : [],
    );
  };
  return { sources: below('src'), packages: new Set(below('node_modules').map(firstPart)), stdout };
}

function roomsOf({ sources }: Start): Set<string> {
  return new Set(sources.map(firstPart));
}

function firstPart(path: string): string {
  return path.split('/')[0] ?? '';
}

test('the list of commands is there without what they do', async () => {
  const started = await start('--help');
  assert.deepEqual([...roomsOf(started)].sort(), ['bytes', 'cli', 'os']);
  for (const [name, { description }] of Object.entries(commands)) {
    assert.match(started.stdout.replace(/\s+/g, ' '), new RegExp(`${name} ${description.replace(/[()]/g, '\\$&')}`));
  }
});

test('the boot client starts without the sources of the boot server', async () => {
  const rooms = roomsOf(
    await start('boot', '--dry-run', '--dhcp', 'off', '--root-path', 'iscsi:192.0.2.5::::iqn.2001-04.com.example:disk'),
  );
  assert.ok(rooms.has('boot'));
  for (const room of ['server', 'fleet', 'pool', 'target']) assert.ok(!rooms.has(room), room);
});

/** With the subcommands that have settings of their own. */
const described = [
  ...['serve', 'boot', 'doctor', 'target', 'root-path format', 'ipsec print'],
  ...['list', 'show', 'set', 'reset', 'rm'].map((name) => `host ${name}`),
  ...['list', 'show', 'rm'].map((name) => `image ${name}`),
  ...['discover', 'inquiry', 'read', 'bench', 'secret'].map((name) => `iscsi ${name}`),
];

for (const name of described) {
  test(`the settings of ${name} are described without what runs with them`, async () => {
    const started = await start(...name.split(' '), '--help');
    assert.match(started.stdout, new RegExp(`^Usage: diskless ${name} `));
    const isRun = (path: string) => /^(cli\/actions|target|initiator|block|pool|fleet\/sqlite)\/|^os\/node-/.test(path);
    assert.deepEqual(started.sources.filter(isRun), []);
    assert.deepEqual([...started.packages].sort(), ['commander', 'zod']);
  });
}
