import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  type ChapCredentials,
  type ChapDemand,
  chapResponse,
  InitiatorChap,
  parseBinary,
  TargetChap,
} from '../../src/iscsi/chap.ts';
import type { TextPair } from '../../src/iscsi/text.ts';

const oneWay: ChapCredentials = { initiator: { name: 'host', secret: Buffer.from('a secret of the host') } };
const mutual: ChapCredentials = { ...oneWay, target: { name: 'disk', secret: Buffer.from('a secret of the disk') } };
const map = (pairs: readonly TextPair[]) => new Map(pairs.map(({ key, value }) => [key, value]));

/** What a target that knows these credentials asks for. */
const demand = ({ initiator, target }: ChapCredentials): ChapDemand => ({
  initiators: [initiator],
  ...(target === undefined ? {} : { target }),
});

function converse(initiatorHas: ChapCredentials, targetHas: ChapCredentials, offered?: number[]) {
  const initiator = new InitiatorChap(initiatorHas, randomBytes, offered);
  const target = new TargetChap(demand(targetHas), randomBytes);
  const question = target.receive(map(initiator.start()));
  const proof = target.receive(map(initiator.receive(map(question))));
  if (proof.length > 0) initiator.receive(map(proof));
  return { initiator: initiator.done, target: target.done, algorithm: map(question).get('CHAP_A') };
}

const refused = { code: 'ISCSI_LOGIN_AUTH_FAILED', status: 0x0201 };

describe('the exchange', () => {
  test('one way and mutual', () => {
    for (const credentials of [oneWay, mutual]) {
      const { initiator, target } = converse(credentials, credentials);
      assert.ok(initiator && target);
    }
  });
  test("the initiator's first algorithm that is known is taken", () => {
    assert.equal(converse(oneWay, oneWay).algorithm, '8');
    for (const algorithm of [5, 6, 7, 8]) {
      assert.equal(converse(oneWay, oneWay, [99, algorithm]).algorithm, String(algorithm));
    }
  });
  test('a wrong secret, name or target is refused', () => {
    const wrongSecret: ChapCredentials = { initiator: { name: 'host', secret: Buffer.from('another') } };
    const wrongName: ChapCredentials = { initiator: { ...oneWay.initiator, name: 'hosts' } };
    const falseTarget: ChapCredentials = { ...oneWay, target: { name: 'disk', secret: Buffer.from('guessed') } };
    assert.throws(() => converse(wrongSecret, oneWay), refused);
    assert.throws(() => converse(wrongName, oneWay), refused);
    assert.throws(() => converse(mutual, falseTarget), refused);
    assert.throws(() => converse(mutual, oneWay), refused);
  });
  test('a name that nobody has takes the same draws of chance as one that is known', () => {
    const drawsFor = (name: string): number[] => {
      const draws: number[] = [];
      const random = (length: number): Uint8Array => {
        draws.push(length);
        return randomBytes(length);
      };
      const target = new TargetChap(demand(oneWay), random);
      target.receive(new Map([['CHAP_A', '5']]));
      const keys = { CHAP_N: name, CHAP_R: `0x${'00'.repeat(16)}` };
      assert.throws(() => target.receive(new Map(Object.entries(keys))), refused);
      return draws;
    };
    assert.deepEqual(drawsFor('nobody'), drawsFor('host'));
  });
  test('equal secrets in both directions are refused by either side (RFC 7143 §9.2.1)', () => {
    const equal: ChapCredentials = { ...oneWay, target: { name: 'disk', secret: oneWay.initiator.secret } };
    assert.throws(() => converse(equal, equal), refused);
    const target = new TargetChap(demand(equal), randomBytes);
    const { CHAP_I = '', CHAP_C = '' } = Object.fromEntries(map(target.receive(new Map([['CHAP_A', '5']]))));
    const response = chapResponse(5, Number(CHAP_I), oneWay.initiator.secret, parseBinary(CHAP_C) ?? Buffer.alloc(0));
    const keys = { CHAP_N: 'host', CHAP_R: `0x${response.toString('hex')}`, CHAP_I: '1', CHAP_C: '0x00' };
    assert.throws(() => target.receive(new Map(Object.entries(keys))), refused);
  });
  test('a challenge that is sent back is refused', () => {
    const target = new TargetChap(demand(mutual), randomBytes);
    const { CHAP_I = '', CHAP_C = '' } = Object.fromEntries(map(target.receive(new Map([['CHAP_A', '5']]))));
    const response = chapResponse(5, Number(CHAP_I), oneWay.initiator.secret, parseBinary(CHAP_C) ?? Buffer.alloc(0));
    const keys = { CHAP_N: 'host', CHAP_R: `0x${response.toString('hex')}`, CHAP_I, CHAP_C };
    assert.throws(() => target.receive(new Map(Object.entries(keys))), refused);
  });
  test('an empty list and unknown numbers are refused', () => {
    for (const keys of [{ CHAP_A: '' }, { CHAP_A: '56' }, { CHAP_A: '1,2' }, { CHAP_A: '5.0, 5,0005' }]) {
      assert.throws(() => new TargetChap(demand(oneWay), randomBytes).receive(new Map(Object.entries(keys))), refused);
    }
  });
});

describe('values', () => {
  test('the response is the hash of identifier, secret and challenge (RFC 1994 §4.1)', () => {
    const expected = createHash('md5').update(Buffer.from('07', 'hex')).update('secret').update('challenge').digest();
    assert.ok(chapResponse(5, 7, Buffer.from('secret'), Buffer.from('challenge')).equals(expected));
  });
  test('hex and base64 are read, rubbish and what is too long is not', () => {
    assert.equal(parseBinary('0xaB1')?.toString('hex'), '0ab1');
    assert.equal(parseBinary('0bAQID')?.toString('hex'), '010203');
    for (const text of ['', '0x', '0b', 'ab', '0xg1', '0b*', `0x${'00'.repeat(1025)}`, `0b${'A'.repeat(2000)}`]) {
      assert.equal(parseBinary(text), undefined, text.slice(0, 10));
    }
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 1024 }), (bytes) => {
        const buffer = Buffer.from(bytes);
        assert.ok(parseBinary(`0x${buffer.toString('hex')}`)?.equals(buffer));
        assert.ok(parseBinary(`0b${buffer.toString('base64')}`)?.equals(buffer));
      }),
    );
  });
});
