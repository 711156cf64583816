import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ProtocolError } from '../../src/bytes/index.ts';
import { parseIscsiName } from '../../src/iscsi/name.ts';
import { prepareIscsiName } from '../../src/iscsi/stringprep.ts';

const prepared: readonly [string, string][] = [
  // RFC 7143 §4.2.7.4 to §4.2.7.6 give these.
  ['iqn.2001-04.com.example:storage:diskarrays-sn-a8675309', 'iqn.2001-04.com.example:storage:diskarrays-sn-a8675309'],
  ['iqn.2001-04.com.example', 'iqn.2001-04.com.example'],
  ['eui.02004567A425678D', 'eui.02004567a425678d'],
  ['naa.52004567BA64678D', 'naa.52004567ba64678d'],
  ['naa.62004567BA64678D0123456789ABCDEF', 'naa.62004567ba64678d0123456789abcdef'],
  ['IQN.2001-04.com.EXAMPLE:Disk', 'iqn.2001-04.com.example:disk'],
  // Table B.2: sharp s folds to ss, a final sigma to a plain one.
  ['iqn.2001-04.com.example:Straße', 'iqn.2001-04.com.example:strasse'],
  ['iqn.2001-04.com.example:ΣΑΣ', 'iqn.2001-04.com.example:σασ'],
  // Table B.1: a soft hyphen becomes nothing.
  ['iqn.2001-04.com.example:a\u00adb', 'iqn.2001-04.com.example:ab'],
  // NFKC: a ligature is taken apart, an accent composed, a full-width letter made narrow.
  ['iqn.2001-04.com.example:ﬁ', 'iqn.2001-04.com.example:fi'],
  ['iqn.2001-04.com.example:e\u0301', 'iqn.2001-04.com.example:é'],
  ['iqn.2001-04.com.example:Ａ', 'iqn.2001-04.com.example:a'],
  // Normalised as Unicode 3.2 did, not as it was corrected later.
  ['iqn.2001-04.com.example:\u{2f868}', 'iqn.2001-04.com.example:\u{2136a}'],
];

for (const [given, expected] of prepared) {
  test(`${given} is prepared to ${expected}`, () => {
    assert.equal(parseIscsiName(given), expected);
    assert.equal(parseIscsiName(expected), expected);
  });
}

const refused: readonly [string, string][] = [
  ['iqn.2001-04.com.example:a_b', 'ISCSI_NAME_PROHIBITED'],
  ['iqn.2001-04.com.example:a b', 'ISCSI_NAME_PROHIBITED'],
  ['iqn.2001-04.com.example:a/b', 'ISCSI_NAME_PROHIBITED'],
  ['iqn.2001-04.com.example:a\0', 'ISCSI_NAME_PROHIBITED'],
  ['iqn.2001-04.com.example:日本\u3002', 'ISCSI_NAME_PROHIBITED'],
  // A full-width underscore becomes an ASCII one, which is prohibited: checked after mapping.
  ['iqn.2001-04.com.example:a\uff3fb', 'ISCSI_NAME_PROHIBITED'],
  ['iqn.2001-04.com.example:\ud800', 'ISCSI_NAME_PROHIBITED'],
  // Cherokee small letters came with Unicode 8.
  ['iqn.2001-04.com.example:\uab70', 'ISCSI_NAME_UNASSIGNED'],
  // Left-to-right and right-to-left letters in one name.
  ['iqn.2001-04.com.example:א', 'ISCSI_NAME_BIDIRECTIONAL'],
  ['disk', 'ISCSI_NAME_TYPE'],
  ['', 'ISCSI_NAME_TYPE'],
  ['iscsi', 'ISCSI_NAME_TYPE'],
  ['iqn.com.example:disk', 'ISCSI_NAME_FORMAT'],
  ['iqn.2001-13.com.example:disk', 'ISCSI_NAME_FORMAT'],
  ['iqn.2001-4.com.example:disk', 'ISCSI_NAME_FORMAT'],
  ['iqn.2001-04', 'ISCSI_NAME_FORMAT'],
  ['iqn.2001-04.:disk', 'ISCSI_NAME_FORMAT'],
  ['iqn.2001-04.com..example:disk', 'ISCSI_NAME_FORMAT'],
  ['eui.02004567a425678', 'ISCSI_NAME_FORMAT'],
  ['eui.02004567a425678g', 'ISCSI_NAME_FORMAT'],
  ['naa.52004567ba64678d00', 'ISCSI_NAME_FORMAT'],
  [`iqn.2001-04.com.example:${'x'.repeat(200)}`, 'ISCSI_NAME_LENGTH'],
  // 223 counts bytes of UTF-8, not characters.
  [`iqn.2001-04.com.example:${'é'.repeat(100)}`, 'ISCSI_NAME_LENGTH'],
];

for (const [given, code] of refused) {
  test(`${code} refuses ${JSON.stringify(given.slice(0, 40))}`, () => {
    assert.throws(() => parseIscsiName(given), { name: 'ProtocolError', code });
  });
}

test('right-to-left strings keep to themselves (RFC 3454 §6)', () => {
  assert.equal(prepareIscsiName('\u05d0\u05d1'), '\u05d0\u05d1');
  for (const mixed of ['\u05d0a\u05d1', '\u05d01', '1\u05d0', 'a\u05d0']) {
    assert.throws(() => prepareIscsiName(mixed), { code: 'ISCSI_NAME_BIDIRECTIONAL' });
  }
  assert.equal(prepareIscsiName('\u05d01\u05d1'), '\u05d01\u05d1');
});

test('a name of exactly 223 bytes is legal', () => {
  const longest = `iqn.2001-04.com.example:${'x'.repeat(223 - 'iqn.2001-04.com.example:'.length)}`;
  assert.equal(parseIscsiName(longest), longest);
});

test('preparing is idempotent, and refuses by a protocol error only', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      try {
        const once = parseIscsiName(`iqn.2001-04.com.example:${text}`);
        assert.equal(parseIscsiName(once), once);
      } catch (error) {
        assert.ok(error instanceof ProtocolError);
      }
    }),
  );
});
