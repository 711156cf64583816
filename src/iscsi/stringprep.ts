/**
 * Preparation of an iSCSI name that is not plain ASCII: the "iSCSI" profile of stringprep (RFC 3722 over RFC 3454). Two names that
 * people read as the same become the same bytes, and what could be mistaken for syntax is refused.
 */

import { ProtocolError } from '../bytes/index.ts';
import {
  CASE_FOLDING_EXPANSIONS,
  CASE_FOLDING_RUNS,
  LEFT_TO_RIGHT,
  MAPPED_TO_NOTHING,
  PROHIBITED,
  RIGHT_TO_LEFT,
  UNASSIGNED,
} from './stringprep-tables.ts';

/** RFC 3722 §6.1 and §6.2: prohibited in iSCSI names beside stringprep's own tables. */
const PROHIBITED_IN_ISCSI_NAMES = '0-2c 2f 3b-40 5b-60 7b-7f 3002';

/** First and last code point of each run, ascending. */
type CodePointSet = readonly (readonly [number, number])[];

interface Tables {
  readonly unassigned: CodePointSet;
  readonly prohibited: CodePointSet;
  readonly rightToLeft: CodePointSet;
  readonly leftToRight: CodePointSet;
  /** What each mapped code point becomes: nothing (B.1), or its folded form (B.2). */
  readonly mapping: ReadonlyMap<number, string>;
}

let decoded: Tables | undefined;

/** Names beyond ASCII are rare: the tables are decoded when the first one comes. */
function tables(): Tables {
  decoded ??= {
    unassigned: decodeSet(UNASSIGNED),
    prohibited: decodeSet(`${PROHIBITED} ${PROHIBITED_IN_ISCSI_NAMES}`),
    rightToLeft: decodeSet(RIGHT_TO_LEFT),
    leftToRight: decodeSet(LEFT_TO_RIGHT),
    mapping: decodeMapping(),
  };
  return decoded;
}

/**
 * The prepared form of `text`: mapped, normalised and checked. Raises ISCSI_NAME_UNASSIGNED, ISCSI_NAME_PROHIBITED,
 * ISCSI_NAME_BIDIRECTIONAL.
 */
export function prepareIscsiName(text: string): string {
  // A prepared name is stored and compared, and stored strings allow no unassigned code point (RFC 3454 §7).
  refuseMembers(text, tables().unassigned, 'ISCSI_NAME_UNASSIGNED', 'which Unicode 3.2 does not assign');
  const prepared = normalize(map(text));
  refuseMembers(prepared, tables().prohibited, 'ISCSI_NAME_PROHIBITED', 'which iSCSI names must not contain');
  checkBidirectional(prepared);
  return prepared;
}

/** RFC 3454 §3 with tables B.1 and B.2 (RFC 3722 §4). */
function map(text: string): string {
  const { mapping } = tables();
  let mapped = '';
  for (const character of text) mapped += mapping.get(codePoint(character)) ?? character;
  return mapped;
}

/**
 * The ideographs whose decomposition Unicode corrected after 3.2 (Corrigendum 4), with the decomposition that 3.2 gives them: later
 * normalisations of everything else that 3.2 assigns are the same.
 */
const NORMALIZATION_OF_UNICODE_3_2: Readonly<Record<string, string>> = {
  '\u{2f868}': '\u{2136a}',
  '\u{2f874}': '\u{5f33}',
  '\u{2f91f}': '\u{43ab}',
  '\u{2f95f}': '\u{7aae}',
  '\u{2f9bf}': '\u{4d57}',
};

/** NFKC (RFC 3722 §5). */
function normalize(text: string): string {
  return text
    .replace(/[\u{2f868}\u{2f874}\u{2f91f}\u{2f95f}\u{2f9bf}]/gu, (old) => NORMALIZATION_OF_UNICODE_3_2[old] ?? old)
    .normalize('NFKC');
}

/** RFC 3454 §6: a string with right-to-left characters has no left-to-right ones, and starts and ends with its own. */
function checkBidirectional(text: string): void {
  const { rightToLeft, leftToRight } = tables();
  const points = Array.from(text, codePoint);
  if (!points.some((point) => contains(rightToLeft, point))) return;
  const first = points[0] ?? 0;
  const last = points[points.length - 1] ?? 0;
  const mixed = points.some((point) => contains(leftToRight, point));
  if (!mixed && contains(rightToLeft, first) && contains(rightToLeft, last)) return;
  throw new ProtocolError('ISCSI_NAME_BIDIRECTIONAL', `the iSCSI name "${text}" mixes writing directions`, {
    hint: 'A name with right-to-left letters must start and end with them and contain no left-to-right ones (RFC 3454 §6).',
  });
}

function refuseMembers(text: string, set: CodePointSet, code: string, reason: string): void {
  for (const character of text) {
    if (!contains(set, codePoint(character))) continue;
    const notation = `U+${codePoint(character).toString(16).toUpperCase().padStart(4, '0')}`;
    throw new ProtocolError(code, `the iSCSI name ${JSON.stringify(text)} contains ${notation}, ${reason}`, {
      hint: 'Use a-z, 0-9, "-", "." and ":"; letters of other scripts as RFC 3722 allows them.',
    });
  }
}

function codePoint(character: string): number {
  return character.codePointAt(0) ?? 0;
}

function contains(set: CodePointSet, point: number): boolean {
  let low = 0;
  let high = set.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const [first, last] = set[middle] ?? [0, 0];
    if (point < first) high = middle - 1;
    else if (point > last) low = middle + 1;
    else return true;
  }
  return false;
}

function decodeSet(text: string): CodePointSet {
  return words(text)
    .map(decodeRange)
    .sort((a, b) => a[0] - b[0]);
}

function decodeRange(text: string): [number, number] {
  const [first = '', last = first] = text.split('-');
  return [hex(first), hex(last)];
}

function decodeMapping(): Map<number, string> {
  const mapping = new Map<number, string>();
  for (const word of words(CASE_FOLDING_RUNS)) {
    const [run = '', distance = ''] = word.split(':');
    const [range = '', step = '1'] = run.split('/');
    const [first, last] = decodeRange(range);
    for (let point = first; point <= last; point += hex(step)) {
      mapping.set(point, String.fromCodePoint(point + hex(distance)));
    }
  }
  for (const word of words(CASE_FOLDING_EXPANSIONS)) {
    const [from = '', to = ''] = word.split('=');
    mapping.set(hex(from), String.fromCodePoint(...to.split(',').map(hex)));
  }
  for (const [first, last] of decodeSet(MAPPED_TO_NOTHING)) {
    for (let point = first; point <= last; point++) mapping.set(point, '');
  }
  return mapping;
}

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}

function hex(text: string): number {
  return Number.parseInt(text, 16);
}
