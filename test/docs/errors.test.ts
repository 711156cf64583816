import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '..', '..');
const codePattern = /\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b/g;

/** Codes are the only quoted words of the source in capitals with underscores, but for CHAP's keys and environment variables. */
function codesOfSource(): Set<string> {
  const codes = new Set<string>();
  for (const entry of readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })) {
    if (!entry.name.endsWith('.ts')) continue;
    const source = readFileSync(join(entry.parentPath, entry.name), 'utf8');
    for (const [, code] of source.matchAll(/'([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)'/g)) {
      if (code !== undefined && !/^(CHAP_[ACINR]$|DISKLESS_)/.test(code)) codes.add(code);
    }
  }
  return codes;
}

/** The first column of every table row. */
function codesOfPage(): Set<string> {
  const page = readFileSync(join(root, 'docs', 'errors.md'), 'utf8');
  const cells = page.split('\n').flatMap((line) => (line.startsWith('| ') ? [line.split('|')[1] ?? ''] : []));
  return new Set(cells.flatMap((cell) => cell.match(codePattern) ?? []));
}

test('docs/errors.md has every code of the source, and no other', () => {
  const source = codesOfSource();
  const page = codesOfPage();
  assert.deepEqual([...source].filter((code) => !page.has(code)).sort(), [], 'missing on the page');
  assert.deepEqual([...page].filter((code) => !source.has(code)).sort(), [], 'not in the source');
});
