import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ProtocolError } from '../../src/bytes/index.ts';
import {
  listSatisfies,
  parseAttributeList,
  parsePredicate,
  queryForBootTargets,
  queryForInitiator,
  queryForTarget,
  valuesAskedFor,
  valuesRequired,
} from '../../src/slp/index.ts';

const matches = (attributes: string, predicate: string) =>
  listSatisfies(parseAttributeList(attributes), parsePredicate(predicate));

describe('predicates (RFC 2608 §8.1)', () => {
  for (const [attributes, predicate, expected, why] of [
    ['(x=1,2,3)', '(x=3)', true, 'one of several values is enough'],
    ['(y=0,1)', '(!(y=0))', true, 'y can be nonzero'],
    ['(y=0)', '(!(y=0))', false, 'no other value is there'],
    ['(x=true)', '(x=33)', false, 'types must agree'],
    ['(x=true)', '(!(x=33))', false, 'what is of another type is neither equal nor unequal'],
    ['(x=true)', '(x=TRUE)', true, 'booleans know no case'],
    ['(x=true)', '(x>=true)', false, 'booleans have no order'],
    ['(y=FOO)', '(y=foo)', true, 'case is ignored'],
    ['(y=foo)', '(|(x=33)(y=foo))', true, 'one term of a disjunction'],
    ['(x=34foo)', '(x=34*)', true, 'terms with asterisks are strings'],
    ['(x=3432)', '(x=34*)', false, 'integers are no strings'],
    ['(q=2),(speed=1000)', '(&(q<=3)(speed>=1000))', true, 'integers are compared as such'],
    ['(q=10)', '(q<=9)', false, 'and not as text'],
    ['(q=-5)', '(q<=3)', true, 'negative ones too'],
    ['(a=abc)', '(a>=abb)', true, 'strings have the order of their bytes'],
    ['(a=abc)', '(a~=ABC)', true, 'approximately equal'],
    ['keyword', '(keyword=*)', true, 'presence of a keyword'],
    ['(a=1)', '(keyword=*)', false, 'absence'],
    ['(a=1)', '(!(keyword=*))', true, 'absence, asked for'],
    ['(a=1)', '(!(b=1))', false, 'what is not there is neither equal nor unequal'],
    ['(s=  Some String  )', '(s=SOME \t STRING)', true, 'white space is folded'],
    ['(s=some bob I know)', '(s=*bob*)', true, 'anywhere'],
    ['(s=bob)', '(s=b*b*b)', false, 'parts do not overlap'],
    ['(s=aXbYc)', '(s=a*b*c)', true, 'first, middle, last'],
    ['(s=aXbYcd)', '(s=a*b*c)', false, 'the last ends it'],
    ['(s=a\\2cb)', '(s=a\\2cb)', true, 'escaped commas'],
    ['(s=\\FF\\00\\01)', '(s=\\ff\\00\\01)', true, 'opaque bytes'],
    ['(s=\\FF\\00\\01)', '(s=\\ff\\00\\02)', false, 'other opaque bytes'],
    ['(x=1)', '', true, 'no predicate'],
    ['(a=1),(b=2)', '(&(a=1)(!(b=3)))', true, 'nested'],
    ['(a=1),(b=2)', ' ( & ( a = 1 ) ( b = 2 ) ) ', true, 'white space between'],
    ['(x=5)', '(!(|(x=4)(x=6)))', true, 'the negation of a disjunction'],
  ] as const) {
    test(`${why}: ${predicate} of ${attributes}`, () => {
      assert.equal(matches(attributes, predicate), expected);
    });
  }

  for (const wrong of [
    '(',
    ')',
    '()',
    '(a)',
    '(=1)',
    '(a=)',
    '(a=1',
    '(a=1))',
    '(a=1)(b=2)',
    '(&)',
    '(|)',
    '(!(a=1)(b=2))',
    '(a<1)',
    '(a>=1*)',
    '(a~=*)',
    '(a=\\41)',
    '(a=\\2)',
    '(a=b(c)',
    'a=1',
    '|(a=1)(a=2)',
    '&(a=1)(b=2)',
    '&(a=1)',
    `${'(!'.repeat(40)}(a=1)${')'.repeat(40)}`,
  ]) {
    test(`is none: ${wrong.slice(0, 20)}`, () => {
      assert.throws(() => parsePredicate(wrong), ProtocolError);
    });
  }

  test('arbitrary text is read, or refused by a protocol error', () => {
    const pieces = fc.constantFrom(
      '(',
      ')',
      '&',
      '|',
      '!',
      '=',
      '<=',
      '>=',
      '~=',
      '*',
      'a',
      'b',
      '1',
      '\\2c',
      '\\',
      ' ',
      'true',
      'é',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(pieces).map((parts) => parts.join('')),
        ),
        (text) => {
          try {
            matches('(a=1),(b=x y)', text);
          } catch (error) {
            assert.ok(error instanceof ProtocolError, String(error));
          }
        },
      ),
    );
  });
});

describe('the queries of RFC 4018 §5.2', () => {
  const host = 'iqn.1998-03.com.example:hostid.045A7B';
  const forHost = `(auth-name=${host})`;
  const forAnybody = '(auth-name=any)';
  const forOthers = '(auth-name=iqn.2001-04.com.example:other)';

  test('1: a target by its name', () => {
    assert.equal(queryForTarget('iqn.2001-04.com.example:sn.456'), '(iscsi-name=iqn.2001-04.com.example:sn.456)');
  });

  test('4 is a disjunction in the form that is sent', () => {
    const query = queryForInitiator(host);
    assert.deepEqual(
      [forHost, forAnybody, forOthers].map((attributes) => matches(attributes, query)),
      [true, true, false],
    );
  });

  test('4 as it is printed, without brackets, is taken as the disjunction that it is described as', () => {
    for (const printed of [`&(auth-name=${host})(auth-name=any)`, `&(auth-name=${host})\n   (auth-name=any)`]) {
      assert.deepEqual(
        [forHost, forAnybody, forOthers].map((attributes) => matches(attributes, printed)),
        [true, true, false],
      );
    }
  });

  test('in brackets, a conjunction is one', () => {
    assert.equal(matches(forHost, `(&(auth-name=${host})(auth-name=any))`), false);
  });

  test('7: whoever is listed may boot, anybody by either name, but only who is let in', () => {
    const query = queryForBootTargets(host);
    assert.ok(matches(`${forHost},(boot-list=${host})`, query));
    assert.ok(matches(`${forAnybody},(boot-list=any)`, query));
    assert.ok(matches(`${forAnybody},(boot-list=iscsi)`, query));
    assert.ok(!matches(`${forOthers},(boot-list=${host})`, query));
    assert.ok(!matches(forHost, query));
  });

  test('3, 5, 6 in brackets and 8 are filters as any', () => {
    const attributes = `(auth-name=any),(auth-addr=192.0.2.131),(auth-cred=chap/foo)`;
    for (const query of [
      '(auth-name=any)',
      '(auth-cred=chap/foo)',
      '(&(|(auth-name=x)(auth-name=any))(|(auth-addr=192.0.2.3)(auth-addr=192.0.2.131))(|(auth-cred=chap/foo)(auth-cred=any)))',
      '',
    ]) {
      assert.ok(matches(attributes, query), query);
    }
  });

  test('tell what they are about', () => {
    const predicate = parsePredicate(queryForBootTargets('IQN.2001-04.com.example:a'));
    assert.deepEqual(valuesAskedFor(predicate, 'boot-list'), ['iqn.2001-04.com.example:a', 'any', 'iscsi']);
    assert.deepEqual(valuesAskedFor(parsePredicate('(!(iscsi-name=b))'), 'iscsi-name'), ['b']);
    assert.deepEqual(valuesAskedFor(predicate, 'iscsi-name'), []);
  });

  test('tell which values there must be for them to hold', () => {
    const required = (query: string) => valuesRequired(parsePredicate(query), 'iscsi-name');
    assert.deepEqual(required(queryForTarget('iqn.2001-04.com.example:A')), ['iqn.2001-04.com.example:a']);
    assert.deepEqual(required('(&(alias=x)(iscsi-name~=a))'), ['a']);
    assert.deepEqual(required('(|(iscsi-name=a)(&(iscsi-name=b)(alias=x)))'), ['a', 'b']);
    for (const open of ['', '(|(iscsi-name=a)(alias=x))', '(!(iscsi-name=a))', '(iscsi-name>=a)', '(iscsi-name=a*)']) {
      assert.equal(required(open), undefined, open);
    }
  });
});
