import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ProtocolError } from '../../src/bytes/index.ts';
import {
  type Attribute,
  attributeTable,
  attributeValue,
  checkConsistent,
  formatAttributeList,
  haveSameItems,
  itemsInBoth,
  parseAttributeList,
  scopeList,
} from '../../src/slp/index.ts';
import { taggedBy } from '../../src/slp/tag-list.ts';

// RFC 2608 §10.5
const igore =
  '(Name=Igore),(Description=For developers only),(Protocol=LPR),(location-description=12th floor),(Operator=James Dornan \\3cdornan@monster\\3e),(media-size=na-letter),(resolution=res-600),x-OK';

describe('attribute lists (RFC 2608 §5)', () => {
  test('the example of §10.5 is read and written', () => {
    const attributes = parseAttributeList(igore);
    assert.equal(attributes.length, 8);
    assert.deepEqual(attributes[4], {
      tag: 'Operator',
      values: [{ kind: 'string', text: 'James Dornan <dornan@monster>' }],
    });
    assert.deepEqual(attributes[7], { tag: 'x-OK', values: [] });
    assert.equal(formatAttributeList(attributes), igore);
  });

  test('values are of the type that they are written as', () => {
    const [attribute] = parseAttributeList('(x=1,-2147483648,2147483648,TRUE,a b,\\FF\\00\\ff)');
    assert.deepEqual(attribute?.values, [
      { kind: 'integer', value: 1, text: '1' },
      { kind: 'integer', value: -2147483648, text: '-2147483648' },
      { kind: 'string', text: '2147483648' },
      { kind: 'boolean', value: true, text: 'TRUE' },
      { kind: 'string', text: 'a b' },
      { kind: 'opaque', bytes: Buffer.from([0, 255]) },
    ]);
  });

  for (const wrong of [
    '(a=b',
    'a=b)',
    '(a)',
    '(a=)',
    '(=b)',
    '(a=b,)',
    '(a=b),,c',
    '(a_b=c)',
    '(a*=c)',
    '(a=<b>)',
    '(a=\\41)',
    '(a=(b))',
    'a!',
  ]) {
    test(`is none: ${wrong}`, () => {
      assert.throws(() => parseAttributeList(wrong), ProtocolError);
    });
  }

  test('a boolean is one value, and the values of an attribute are of one type', () => {
    for (const list of ['(x=4,true,sue,\\ff\\00\\00)', '(x=true,false)', '(x=1),(X=a)']) {
      const table = attributeTable(parseAttributeList(list));
      assert.throws(() => checkConsistent(table), { code: 'SLP_REGISTRATION_INVALID' }, list);
    }
    checkConsistent(attributeTable(parseAttributeList('(x=1,2),(y=true),(z=a,b)')));
  });

  test('attributes of one tag are merged, and each value is there once (§10.4)', () => {
    const table = attributeTable(parseAttributeList('(A=a a,b),(a=A   A,B)'));
    assert.equal(formatAttributeList([...table.values()]), '(A=a a,b)');
  });

  test('whatever values there are, they come back as they were', () => {
    const tag = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
    const text = fc
      .string({ unit: 'grapheme', minLength: 1 })
      .filter((value) => value.trim() !== '' && !/\\/.test(value));
    fc.assert(
      fc.property(fc.array(fc.record({ tag, texts: fc.array(text, { maxLength: 4 }) })), (given) => {
        const attributes: Attribute[] = given.map(({ tag: name, texts }) => ({
          tag: name,
          values: texts.map(attributeValue),
        }));
        assert.deepEqual(parseAttributeList(formatAttributeList(attributes)), attributes);
      }),
    );
  });

  test('arbitrary text is read, or refused by a protocol error', () => {
    const pieces = fc.constantFrom('(', ')', '=', ',', 'a', '1', '\\2c', '\\ff', '\\', '*', '_', ' ', '\t');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(pieces).map((parts) => parts.join('')),
        ),
        (written) => {
          try {
            parseAttributeList(written);
          } catch (error) {
            assert.ok(error instanceof ProtocolError, String(error));
          }
        },
      ),
    );
  });
});

describe('tag lists (§9.4)', () => {
  const table = attributeTable(parseAttributeList(igore));
  const tags = (...list: string[]) => taggedBy(table, list).map(({ tag }) => tag);

  test('name attributes, with asterisks for anything', () => {
    assert.deepEqual(tags('resolution', 'loc*'), ['location-description', 'resolution']);
    assert.deepEqual(tags('x-*', 'PROTOCOL'), ['Protocol', 'x-OK']);
    assert.deepEqual(tags('*e*p*n'), ['Description', 'location-description']);
    assert.deepEqual(tags('name*name'), []);
    assert.equal(tags().length, 8);
  });
});

describe('scope lists (§6.4.1)', () => {
  test('know no case, fold white space, and escape what is reserved', () => {
    assert.deepEqual(itemsInBoth(['default', 'x'], ['DEFAULT', 'Y']), ['DEFAULT']);
    assert.deepEqual(itemsInBoth(['bldg   32'], ['BLDG 32']), ['BLDG 32']);
    assert.deepEqual(itemsInBoth(['a\\2cb'], scopeList(['A,B'])), ['A\\2cB']);
    assert.deepEqual(scopeList(['a+b;c*']), ['a\\2bb\\3bc\\2a']);
    assert.ok(haveSameItems(['a', 'B'], ['b', 'A', 'a']));
    assert.ok(!haveSameItems(['a'], ['a', 'b']));
  });
});
