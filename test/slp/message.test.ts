import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ProtocolError } from '../../src/bytes/index.ts';
import { decodeMessage, encodeMessage, encodeReply, MessageStream, slpHeader } from '../../src/slp/index.ts';
import { goldens, hex, targetUrl } from './messages.ts';

const header = slpHeader({ xid: 7, languageTag: 'en' });

describe('SLP messages', () => {
  for (const [name, bytes, message] of goldens) {
    test(`${name} is read and written`, () => {
      assert.deepEqual(decodeMessage(bytes), message);
      assert.deepEqual(Buffer.from(encodeMessage(message)).toString('hex'), Buffer.from(bytes).toString('hex'));
    });
  }

  test('a message that ends anywhere too early is refused', () => {
    for (const [name, bytes] of goldens) {
      for (let length = 0; length < bytes.length; length++) {
        assert.throws(() => decodeMessage(bytes.subarray(0, length)), ProtocolError, `${name}, ${length} bytes`);
      }
    }
  });

  test('other versions are refused (RFC 2608 §8)', () => {
    const [, bytes] = goldens[0] ?? [];
    assert.throws(() => decodeMessage(Uint8Array.from(bytes ?? []).with(0, 1)), { code: 'SLP_VERSION_UNSUPPORTED' });
  });

  test('with an error, the rest of a reply may be missing (§7)', () => {
    for (const [functionId, kind] of [
      ['02', 'SrvRply'],
      ['07', 'AttrRply'],
      ['08', 'DAAdvert'],
      ['0a', 'SrvTypeRply'],
    ]) {
      const { body } = decodeMessage(hex(`02${functionId}000012 0000 000000 0001 0002656e 0004`));
      assert.equal(body.kind, kind);
      assert.equal('errorCode' in body && body.errorCode, 4);
    }
  });

  test('arbitrary bytes are read, or refused by a protocol error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 11 }), (body, functionId) => {
        const bytes = hex(`02${functionId.toString(16).padStart(2, '0')}`);
        const length = hex((16 + body.length).toString(16).padStart(6, '0'));
        const whole = Buffer.concat([bytes, length, hex('0000 000000 0001 0002656e'), body]);
        try {
          decodeMessage(whole);
        } catch (error) {
          assert.ok(error instanceof ProtocolError, String(error));
        }
      }),
    );
  });
});

describe('replies in datagrams', () => {
  const urls = Array.from({ length: 100 }, (_, index) => ({
    lifetime: 300,
    url: `${targetUrl}${index}`,
    authenticationBlocks: [],
  }));

  test('have whole URL entries only, as many as fit, and say that there are more (§6.1, §8.2)', () => {
    const reply = encodeReply({ header, body: { kind: 'SrvRply', errorCode: 0, urls } }, 1400);
    assert.ok(reply.length <= 1400 && reply.length > 1400 - 80, `${reply.length} bytes`);
    const message = decodeMessage(reply);
    assert.ok(message.header.overflow);
    assert.deepEqual(message.body, { kind: 'SrvRply', errorCode: 0, urls: urls.slice(0, urlsIn(reply)) });
  });

  test('that fit are whole', () => {
    const message = { header, body: { kind: 'SrvRply' as const, errorCode: 0, urls: urls.slice(0, 3) } };
    assert.deepEqual(encodeReply(message, 1400), encodeMessage(message));
  });

  test('of a sender that cuts in the middle of an entry are read as far as they are whole', () => {
    const whole = encodeMessage({
      header: { ...header, overflow: true },
      body: { kind: 'SrvRply', errorCode: 0, urls },
    });
    const { body } = decodeMessage(whole.subarray(0, 1400));
    assert.equal(body.kind === 'SrvRply' && body.urls.length, 18);
  });

  test('a list of attributes that is too long is left out', () => {
    const body = { kind: 'AttrRply' as const, errorCode: 0, attributes: 'x'.repeat(2000), authenticationBlocks: [] };
    const message = decodeMessage(encodeReply({ header, body }, 1400));
    assert.ok(message.header.overflow);
    assert.deepEqual(message.body, { ...body, attributes: '' });
  });
});

function urlsIn(reply: Uint8Array): number {
  const { body } = decodeMessage(reply);
  return body.kind === 'SrvRply' ? body.urls.length : 0;
}

describe('messages on a connection (§6.2)', () => {
  const sent = goldens.map(([, bytes]) => bytes);

  function cutFrom(parts: readonly Uint8Array[]): string[] {
    const stream = new MessageStream(65_536);
    const found: string[] = [];
    for (const part of parts) {
      stream.push(part);
      for (let next = stream.next(); next !== undefined; next = stream.next())
        found.push(Buffer.from(next).toString('hex'));
    }
    return found;
  }

  test('come out whole, one byte at a time and in arbitrary pieces', () => {
    const all = Buffer.concat(sent);
    const wanted = sent.map((bytes) => Buffer.from(bytes).toString('hex'));
    assert.deepEqual(cutFrom(Array.from(all, (byte) => Uint8Array.of(byte))), wanted);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 60 }), (lengths) => {
        const parts: Uint8Array[] = [];
        let at = 0;
        for (let index = 0; at < all.length; index++) {
          const length = lengths[index % lengths.length] ?? 1;
          parts.push(all.subarray(at, at + length));
          at += length;
        }
        assert.deepEqual(cutFrom(parts), wanted);
      }),
    );
  });

  test('a length that cannot be, or is longer than is taken, ends the stream', () => {
    const stream = new MessageStream(100);
    stream.push(hex('0201 000065 0000 000000 0001 0002'));
    assert.throws(() => stream.next(), { code: 'SLP_MESSAGE_TOO_LONG' });
    const short = new MessageStream(100);
    short.push(hex('0201 00000d 0000 000000 0001 0002'));
    assert.throws(() => short.next(), { code: 'SLP_MESSAGE_INVALID' });
    const old = new MessageStream(100);
    old.push(hex('0101 000020 0000 000000 0001 0002'));
    assert.throws(() => old.next(), { code: 'SLP_VERSION_UNSUPPORTED' });
  });
});
