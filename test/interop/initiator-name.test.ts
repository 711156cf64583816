/** RFC 3722 as GNU libidn does it, as the judge of ours. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { prepareIscsiName } from '../../src/iscsi/stringprep.ts';
import { seededRandom } from '../support/random.ts';
import { requires } from '../support/requires.ts';

/** Unassigned code points are the one thing that libidn lets through (it prepares queries): ours are left out here. */
const UNASSIGNED = 'ISCSI_NAME_UNASSIGNED';

function ours(text: string): string {
  try {
    return prepareIscsiName(text);
  } catch (error) {
    return (error as { code: string }).code === UNASSIGNED ? UNASSIGNED : 'refused';
  }
}

/** One process for all: libidn prepares a line at a time, and stops at the first that it refuses. */
function theirs(text: string): string {
  const options = ['--quiet', '--stringprep', '--profile=iSCSI'];
  const { status, stdout } = spawnSync('idn', options, {
    input: `${text}\n`,
    encoding: 'utf8',
    env: { ...process.env, CHARSET: 'UTF-8', LC_ALL: 'C.UTF-8' },
  });
  return status === 0 ? stdout.replace(/\n$/, '') : 'refused';
}

/** Where case folding, compatibility forms, combining marks, right-to-left letters and prohibited characters are. */
const blocks = [
  [0x00a0, 0x024f],
  [0x0300, 0x036f],
  [0x0370, 0x058f],
  [0x0590, 0x06ff],
  [0x0900, 0x0dff],
  [0x1100, 0x11ff],
  [0x1e00, 0x1fff],
  [0x2000, 0x214f],
  [0x2460, 0x24ff],
  [0x3000, 0x33ff],
  [0xac00, 0xac80],
  [0xf900, 0xfaff],
  [0xfb00, 0xfdff],
  [0xfe30, 0xffef],
  [0x1d400, 0x1d7ff],
  [0x2f800, 0x2fa1d],
] as const;

test('random names of all scripts are prepared as GNU libidn prepares them', (t) => {
  if (!requires(t, 'idn')) return;
  const random = seededRandom(3722);
  let compared = 0;
  for (let round = 0; round < 400; round++) {
    const text = Array.from({ length: 1 + random.below(3) }, () => {
      const [first, last] = random.pick(blocks as unknown as [readonly [number, number]]);
      return String.fromCodePoint(first + random.below(last - first + 1));
    }).join('');
    const own = ours(text);
    if (own === UNASSIGNED) continue;
    const points = Array.from(text, (character) => character.codePointAt(0)?.toString(16)).join(' ');
    assert.equal(own, theirs(text), `U+${points}`);
    compared += 1;
  }
  assert.ok(compared > 200, `${compared} names compared`);
});
