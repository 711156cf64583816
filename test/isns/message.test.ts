import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ProtocolError } from '../../src/bytes/index.ts';
import {
  type Attribute,
  addressAttribute,
  addressOf,
  checkForm,
  decodeAttributes,
  encodeAttributes,
  longAttribute,
  longOf,
  numberAttribute,
  numberOf,
  textAttribute,
  textOf,
  zeroLength,
} from '../../src/isns/attribute.ts';
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from '../../src/isns/message.ts';
import { decodeDatagram, MessageReader } from '../../src/isns/message-reader.ts';
import { encodeMessage, FunctionId, ISNS_PORT, ISNSP_VERSION, type IsnsMessage } from '../../src/isns/pdu.ts';
import { Tag } from '../../src/isns/tag.ts';

const initiator = 'iqn.2001-04.com.example:init';
const target = 'iqn.2001-04.com.example:tgt';

/** A query for a target by its name, which isnsd answers. */
const query = Buffer.from(
  `
  0001 0002 007c 8c00 1234 0000
  00000020 00000020 69716e2e323030312d30342e636f6d2e6578616d706c653a696e697400000000
  00000020 0000001c 69716e2e323030312d30342e636f6d2e6578616d706c653a74677400
  00000000 00000000
  00000020 00000000 00000021 00000000 00000010 00000000 00000011 00000000 00000033 00000000
  `.replaceAll(/\s/g, ''),
  'hex',
);

const queryMessage = {
  version: ISNSP_VERSION,
  functionId: FunctionId.devAttrQry,
  transactionId: 0x1234,
  sender: 'client',
  replace: false,
} as const;

function read(
  bytes: Uint8Array,
  cut: (bytes: Uint8Array) => readonly Uint8Array[],
  maxLength = 1 << 20,
): IsnsMessage[] {
  const reader = new MessageReader(maxLength);
  const messages: IsnsMessage[] = [];
  for (const chunk of cut(bytes)) {
    reader.push(chunk);
    for (let message = reader.next(); message !== undefined; message = reader.next()) messages.push(message);
  }
  return messages;
}

const whole = (bytes: Uint8Array): Uint8Array[] => [bytes];
const byteByByte = (bytes: Uint8Array): Uint8Array[] => Array.from(bytes, (byte) => Uint8Array.of(byte));

function join(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

const anyMessage = fc.record({
  functionId: fc.constantFrom(...Object.values(FunctionId)),
  transactionId: fc.nat(0xffff),
  sender: fc.constantFrom('client' as const, 'server' as const),
  replace: fc.boolean(),
  payload: fc.array(fc.nat(0xffff_ffff), { maxLength: 60 }).map((words) => {
    return new Uint8Array(Buffer.concat(words.map((word) => numberAttribute(0, word).value)));
  }),
});

test('the well-known port', () => {
  assert.equal(ISNS_PORT, 3205);
});

describe('a query for a target, both ways', () => {
  const operating = [Tag.iscsiName, Tag.iscsiNodeType, Tag.portalIpAddress, Tag.portalPort, Tag.portalGroupTag];
  const sections = {
    source: textAttribute(Tag.iscsiName, initiator),
    key: [textAttribute(Tag.iscsiName, target)],
    operating: operating.map(zeroLength),
  };

  test('written', () => {
    const pdus = encodeMessage({ ...queryMessage, payload: encodeRequest(sections) });
    assert.equal(join(pdus).length, query.length);
    assert.deepEqual(Buffer.from(join(pdus)), query);
  });

  for (const [name, cut] of [
    ['in one piece', whole],
    ['one byte at a time', byteByByte],
  ] as const) {
    test(`read ${name}`, () => {
      const [message, ...more] = read(query, cut);
      assert.deepEqual(more, []);
      assert.ok(message);
      assert.deepEqual({ ...message, payload: undefined }, { ...queryMessage, payload: undefined });
      const { source, key, operating: asked } = decodeRequest(message.payload);
      assert.equal(source === undefined ? '' : textOf(source), initiator);
      assert.deepEqual(key.map(textOf), [target]);
      assert.deepEqual(
        asked.map(({ tag }) => tag),
        operating,
      );
    });
  }
});

describe('PDUs', () => {
  test('a message of several is numbered from 0, with the first and the last marked (RFC 4171 §5.1.6, §5.2)', () => {
    const payload = new Uint8Array(28).map((_, index) => index);
    const pdus = encodeMessage({ ...queryMessage, payload }, 12);
    assert.deepEqual(
      pdus.map((pdu) => [
        Buffer.from(pdu).readUInt16BE(4),
        Buffer.from(pdu).readUInt16BE(6),
        Buffer.from(pdu).readUInt16BE(10),
      ]),
      [
        [12, 0x8400, 0],
        [12, 0x8000, 1],
        [4, 0x8800, 2],
      ],
    );
    const [message] = read(join(pdus), byteByByte);
    assert.deepEqual(message?.payload, payload);
  });

  test('whatever is sent comes back, wherever the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(anyMessage, { maxLength: 4 }),
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 20 }),
        (messages, chunk, words) => {
          const bytes = join(messages.flatMap((message) => encodeMessage(message, words * 4)));
          const read_ = read(bytes, (all) =>
            Array.from({ length: Math.ceil(all.length / chunk) }, (_, index) =>
              all.subarray(index * chunk, (index + 1) * chunk),
            ),
          );
          assert.deepEqual(
            read_,
            messages.map((message) => ({ version: ISNSP_VERSION, ...message })),
          );
        },
      ),
    );
  });

  test('an authentication block in a unicast is passed over (RFC 4171 §5.5)', () => {
    const block = Buffer.alloc(24);
    block.writeUInt32BE(2, 0);
    block.writeUInt32BE(block.length, 4);
    const signed = Buffer.from(query);
    signed.writeUInt16BE(0xac00, 6);
    for (const cut of [whole, byteByByte]) {
      const messages = read(Buffer.concat([signed, block, query]), cut);
      assert.deepEqual(
        messages.map(({ payload }) => payload.length),
        [0x7c, 0x7c],
      );
    }
    block.writeUInt32BE(19, 4);
    assert.throws(() => read(Buffer.concat([signed, block]), whole), { code: 'ISNS_PDU_INVALID' });
  });

  const [first = query, second = query] = encodeMessage({ ...queryMessage, payload: new Uint8Array(8) }, 4);
  const changed = (pdu: Uint8Array, at: number, value: number): Uint8Array => {
    const copy = Buffer.from(pdu);
    copy.writeUInt16BE(value, at);
    return copy;
  };
  for (const [name, pdus] of [
    ['a payload that is not aligned to four (RFC 4171 §5.1.3)', [changed(query, 4, 0x7b)]],
    ['a message without its first PDU', [second]],
    ['a message within another', [first, first]],
    ['a sequence ID left out (RFC 4171 §5.1.6)', [first, changed(second, 10, 2)]],
    ['another function in the second PDU (RFC 4171 §5.1.2)', [first, changed(second, 2, 1)]],
    ['another transaction in the second PDU (RFC 4171 §5.1.5)', [first, changed(second, 8, 1)]],
  ] as const) {
    test(`refused: ${name}`, () => {
      assert.throws(() => read(join(pdus), byteByByte), { code: 'ISNS_PDU_INVALID' });
    });
  }

  test('refused: a message longer than is taken', () => {
    const pdus = encodeMessage({ ...queryMessage, payload: new Uint8Array(1004) }, 100);
    assert.equal(read(join(pdus), whole, 1004).length, 1);
    assert.throws(() => read(join(pdus), whole, 1000), { code: 'ISNS_PDU_INVALID' });
  });

  test('a datagram is one PDU, and a whole message (RFC 4171 §2.9.2)', () => {
    assert.equal(decodeDatagram(query).payload.length, 0x7c);
    assert.throws(() => decodeDatagram(query.subarray(0, 100)), { code: 'ISNS_PDU_INVALID' });
    assert.throws(() => decodeDatagram(first), { code: 'ISNS_PDU_INVALID' });
  });

  test('arbitrary bytes raise nothing but protocol errors', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 0, max: 12 }), (bytes, kept) => {
        const begun = join([query.subarray(0, kept), bytes]);
        try {
          for (const { payload } of read(begun, whole)) {
            decodeRequest(payload);
            decodeResponse(payload);
          }
        } catch (error) {
          assert.ok(error instanceof ProtocolError);
        }
      }),
    );
  });
});

describe('attributes', () => {
  test('each form there and back', () => {
    assert.equal(numberOf(numberAttribute(1, 0xffff_ffff)), 0xffff_ffff);
    assert.equal(longOf(longAttribute(4, 2n ** 63n)), 2n ** 63n);
    for (const text of ['', 'a', 'abc', 'abcd', 'größer']) {
      const attribute = textAttribute(2, text);
      assert.equal(attribute.value.length % 4, 0);
      assert.equal(attribute.value.at(-1), 0);
      assert.equal(textOf(attribute), text);
    }
  });

  test('an IPv4 address is written as the IPv6 one that stands for it (RFC 4171 §6.3.1)', () => {
    const attribute = addressAttribute(Tag.portalIpAddress, '192.0.2.1');
    assert.equal(Buffer.from(attribute.value).toString('hex'), '00000000000000000000ffffc0000201');
    for (const address of [
      '192.0.2.1',
      '2001:db8::1',
      '::',
      '::1',
      'fe80::1:0:0:1',
      '1:2:3:4:5:6:7:8',
      '2001:db8:0:1::',
    ]) {
      assert.equal(addressOf(addressAttribute(Tag.portalIpAddress, address)), address);
    }
    const compatible = Buffer.from('000000000000000000000000c0000201', 'hex');
    assert.equal(addressOf({ tag: Tag.portalIpAddress, value: compatible }), '192.0.2.1');
    assert.throws(() => addressAttribute(Tag.portalIpAddress, 'nowhere'), { code: 'ISNS_ADDRESS_INVALID' });
  });

  test('unknown ones survive byte for byte', () => {
    const attributes: Attribute[] = [{ tag: 0x1234_5678, value: Uint8Array.of(1, 2, 3, 4) }, zeroLength(0xffff_ffff)];
    assert.deepEqual(decodeAttributes(encodeAttributes(attributes)), attributes);
  });

  test('with and without a delimiter and its sections', () => {
    const [key, operating] = [[numberAttribute(1, 1)], [numberAttribute(2, 2)]];
    for (const sections of [
      { status: 0, key, operating },
      { status: 9, key: [], operating: [] },
      { status: 3, key: [], operating },
    ]) {
      assert.deepEqual(decodeResponse(encodeResponse(sections)), sections);
    }
    assert.equal(encodeResponse({ status: 9, key: [], operating: [] }).length, 4);
    assert.deepEqual(decodeRequest(encodeRequest({ source: undefined, key, operating })), {
      source: undefined,
      key,
      operating,
    });
  });

  for (const [name, bytes] of [
    ['half a header', '00000001'],
    ['a value that is cut off', '0000000100000008 00000000'],
    ['a length that is no multiple of four (RFC 4171 §5.3.1)', '0000000100000003 00000000'],
    ['a length beyond everything', '00000001fffffffc'],
  ] as const) {
    test(`refused: ${name}`, () => {
      assert.throws(() => decodeAttributes(Buffer.from(bytes.replaceAll(' ', ''), 'hex')), {
        code: 'ISNS_ATTRIBUTE_INVALID',
      });
    });
  }

  for (const [name, attribute] of [
    ['a number of eight bytes', longAttribute(Tag.iscsiNodeType, 1n)],
    ['a timestamp of four', numberAttribute(Tag.timestamp, 1)],
    ['an address of four', numberAttribute(Tag.portalIpAddress, 1)],
    ['a name of more than 224 bytes with its NUL', textAttribute(Tag.iscsiName, 'x'.repeat(224))],
    ['a text of more than 256', textAttribute(Tag.iscsiAlias, 'x'.repeat(256))],
    ['a text without NUL', { tag: Tag.iscsiAlias, value: Uint8Array.of(65, 65, 65, 65) }],
    ['a text that is no UTF-8', { tag: Tag.iscsiAlias, value: Uint8Array.of(0xff, 0, 0, 0) }],
  ] as const) {
    test(`of another form than the tag has: ${name}`, () => {
      assert.throws(() => checkForm(attribute), { code: 'ISNS_ATTRIBUTE_INVALID' });
    });
  }

  test('names of 223 bytes have room', () => {
    checkForm(textAttribute(Tag.iscsiName, 'x'.repeat(223)));
    checkForm(zeroLength(Tag.iscsiName));
  });
});
