import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { problemsOf, rowsOf } from './rfc-page.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = join(root, 'docs', 'rfc');

describe('every file and every test that docs/rfc names is there', () => {
  for (const name of readdirSync(folder)) {
    test(name, () => {
      const page = readFileSync(join(folder, name), 'utf8');
      assert.notEqual(rowsOf(page).length, 0, 'no table');
      assert.deepEqual(problemsOf(page, root), []);
    });
  }
});

describe('what the page is checked by', () => {
  const check = (row: string, header = '| clause | what | where | test |'): string[] =>
    problemsOf(`${header}\n|---|---|---|---|\n${row}\n`, root);

  test('a file, a title with or without its clauses, a name in a table, a template, or a reason', () => {
    const file = '`docs/rfc`';
    for (const tests of [
      `${file}: what the page is checked by`,
      '`target/login/header-fields`: ISID and Initiator Task Tag come back, the latter also in a refusal',
      '`target/login/header-fields`: ISID and Initiator Task Tag come back, the latter also in a refusal (RFC 7143 §11.13)',
      '`target/login/key-answers`: MaxBurstLength',
      '`target/recovery/snack`: a run: exact replicas, with the current window',
      `does not apply: there is none<br>${file}: what the page is checked by`,
    ]) {
      assert.deepEqual(
        check(`| 4.2, RFC 7144 6 | it | \`target/target.ts\`, \`docs/errors.md\` | ${tests} |`),
        [],
        tests,
      );
    }
  });

  for (const [what, row, problem] of [
    [
      'a title that is nowhere',
      '| 1 | it | | `docs/errors`: no such title |',
      'test/docs/errors.test.ts has no "no such title"',
    ],
    ['the path of an import', '| 1 | it | | `docs/errors`: node:test |', 'test/docs/errors.test.ts has no "node:test"'],
    ['a test file that is gone', '| 1 | it | | `docs/gone`: it |', 'test/docs/gone.test.ts is not there'],
    ['a source file that is gone', '| 1 | it | `gone.ts` | for no reason at all |', 'gone.ts is not there'],
    ['a path without backticks', '| 1 | it | target | for no reason at all |', '"target" is no path in backticks'],
    ['neither test nor reason', '| 1 | it | `target` | none |', 'neither a test nor a reason: "none"'],
    ['no clause', '| above | it | | for no reason at all |', '"above" is no clause'],
  ] as const) {
    test(`finds ${what}`, () => {
      assert.deepEqual(check(row), [`line 3: ${problem}`]);
    });
  }

  test('finds a table that is none of clauses', () => {
    assert.deepEqual(check('| a | b |', '| one | two |'), [
      'line 3: the table has no column "clause"',
      'line 3: the table has no column "test"',
    ]);
  });
});
