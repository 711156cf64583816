import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { runCli } from './run-cli.ts';

const checkout = join(import.meta.dirname, '..', '..');

/** A Node of this machine that is too old for the program; undefined when there is none. */
function findOldNode(): string | undefined {
  const candidates = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'node'));
  return candidates.filter(existsSync).find((node) => {
    const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout ?? '';
    return Number(version.replace(/^v(\d+).*/s, '$1')) < 24;
  });
}

const oldNode = findOldNode();

describe('the launcher', () => {
  test('shows the version', async () => {
    const { code, stdout } = await runCli(['--version']);
    assert.equal(code, 0);
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
  });

  test('help goes to stdout and is no error', async () => {
    const { code, stdout, stderr } = await runCli(['serve', '--help']);
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /--interface/);
    assert.match(stdout, /DISKLESS_TARGET_PREFIX/);
  });

  test('an unknown command or flag exits with 2', async () => {
    assert.equal((await runCli(['sevre'])).code, 2);
    assert.equal((await runCli(['serve', '--nonsense'])).code, 2);
  });

  test('an old Node starts the pinned one', {
    skip: oldNode === undefined && 'missing: a Node older than 24',
  }, async () => {
    const { code, stdout, stderr } = await runCli(['--version'], { node: oldNode ?? '' });
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
  });

  test('exit codes pass through it', { skip: oldNode === undefined && 'missing: a Node older than 24' }, async () => {
    assert.equal((await runCli(['serve', '--nonsense'], { node: oldNode ?? '' })).code, 2);
  });

  test('an old Node without the pinned one says so', {
    skip: oldNode === undefined && 'missing: a Node older than 24',
  }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'diskless-launcher-'));
    try {
      await mkdir(join(folder, 'bin'));
      await cp(join(checkout, 'bin', 'diskless.js'), join(folder, 'bin', 'diskless.mjs'));
      const { status, stderr } = spawnSync(oldNode ?? '', [join(folder, 'bin', 'diskless.mjs')], { encoding: 'utf8' });
      assert.equal(status, 1);
      assert.match(stderr, /^diskless: needs Node 24 or newer, this is v\d+[^\n]*\n$/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('the space for young objects stays small, whatever lives', async () => {
    const probe = pathToFileURL(join(import.meta.dirname, 'young-space-probe.mjs')).href;
    const { code, stderr } = await runCli(['--version'], { environment: { NODE_OPTIONS: `--import=${probe}` } });
    assert.equal(code, 0);
    assert.ok(Number(stderr) > 0 && Number(stderr) <= 4 << 20, `it has ${stderr} bytes`);
  });

  test('npx runs it in a clone', { timeout: 60_000 }, () => {
    const { status, stdout } = spawnSync('npx', ['--no', 'diskless', '--version'], { cwd: checkout, encoding: 'utf8' });
    assert.equal(status, 0);
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
  });
});
