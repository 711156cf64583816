/** V8 takes an option that it does not know without a word: what is set here must be what this Node's V8 has. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const folder = join(import.meta.dirname, '../..');

function optionsSetBy(file: string): string[] {
  const calls = readFileSync(join(folder, file), 'utf8').matchAll(/setFlagsFromString\(['"`]--(?:no-)?([a-z0-9-]+)/g);
  return [...calls].map(([, name = '']) => name);
}

test('V8 has the options that the program sets', () => {
  const files = globSync(['src/**/*.ts', 'bin/*.js'], { cwd: folder });
  const wanted = files.flatMap(optionsSetBy);
  assert.ok(wanted.length >= 7, `found ${wanted.join(', ')}`);
  const known = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' });
  const missing = wanted.filter((name) => !known.includes(`  --${name} (`));
  assert.deepEqual(missing, []);
});
