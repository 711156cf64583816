/** The table of keys in docs/rfc/7143.md is the one that src/iscsi/keys.ts and src/iscsi/parameters.ts are. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type KeyRule, type KeyValue, keyRules } from '../../src/iscsi/keys.ts';
import { defaultParameters } from '../../src/iscsi/parameters.ts';
import { rowsOf } from './rfc-page.ts';

const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'rfc', '7143.md'), 'utf8');

const tableOfKeys = new Map(
  rowsOf(page).flatMap(({ cells }) => {
    const key = cells.get('key');
    return key === undefined ? [] : [[key, cells] as const];
  }),
);

function kindOf(value: KeyValue): string {
  switch (value.kind) {
    case 'boolean':
      return 'Yes or No';
    case 'number':
      return `${value.minimum} to ${value.maximum}`;
    default:
      return value.kind;
  }
}

function resultOf(value: KeyValue): string {
  switch (value.kind) {
    case 'list':
      return 'first supported';
    case 'boolean':
      return value.result.toUpperCase();
    case 'number':
      return value.result;
    case 'text':
      return 'declared';
  }
}

/** What holds without negotiation, as the key would say it; `-` where there is nothing. */
function defaultOf(key: string): string {
  const name = key === 'iSCSIProtocolLevel' ? key : key.charAt(0).toLowerCase() + key.slice(1);
  const value = Object.entries(defaultParameters).find(([parameter]) => parameter === name)?.[1];
  if (value === undefined) return '-';
  if (typeof value !== 'boolean') return String(value);
  // Of digests there is an algorithm or none.
  return key.endsWith('Digest') ? (value ? 'CRC32C' : 'None') : value ? 'Yes' : 'No';
}

/** What is agreed on in every login holds for its connection; what only the leading one may say, and names, for the session. */
const scopeOf = ({ value, use }: KeyRule): string => (use === 'LO' || value.kind === 'text' ? 'SW' : 'CO');

test('the page has every key, and no other', () => {
  assert.deepEqual([...tableOfKeys.keys()].toSorted(), Object.keys(keyRules).toSorted());
});

for (const [key, rule] of Object.entries<KeyRule>(keyRules)) {
  test(`${key}: kind, default, result, senders, scope, stage and what it is in a discovery session`, () => {
    const cells = tableOfKeys.get(key);
    const { value, senders, stage, use, normalOnly } = rule;
    const columns = ['kind', 'default', 'result', 'senders', 'scope', 'when', 'discovery'];
    assert.deepEqual(
      columns.map((column) => cells?.get(column)),
      [
        kindOf(value),
        defaultOf(key),
        resultOf(value),
        senders,
        scopeOf(rule),
        `${use}, ${stage}`,
        normalOnly ? 'irrelevant' : 'as ever',
      ],
    );
  });
}
