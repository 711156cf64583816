/** Values of CHAP's keys: lists of algorithms, hex and base64, names that look like numbers, bounds (RFC 7143 §6.1, §12.1.3). */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LoginStatus } from '../../../src/iscsi/pdu.ts';
import { base64, ChapLogin, hex, initiator, mutual, responseTo, serveGuarded, target } from './chap-login.ts';

const { initiatorError, authenticationFailure } = LoginStatus;

describe('CHAP_A', () => {
  for (const [offered, chosen] of [
    ['5,6,7,8', 5],
    ['8,7,6,5', 8],
    ['9,4,0,6', 6],
    ['0x7,5', 7],
    ['MD5,5', 5],
  ] as const) {
    test(`${offered}: the first that is known, ${chosen}`, async () => {
      await using served = await serveGuarded();
      const chap = await ChapLogin.open(served);
      assert.equal((await chap.challenge(offered)).algorithm, chosen);
    });
  }
  for (const offered of ['56', '', ',', '0', '9', 'MD5', '5.0', ' 5', '05', '-5', '5 6']) {
    test(`${JSON.stringify(offered)}: none is known, the login fails`, async () => {
      await using served = await serveGuarded();
      const chap = await ChapLogin.open(served);
      assert.equal((await chap.request({ CHAP_A: offered })).status, authenticationFailure);
    });
  }
});

describe('CHAP_R', () => {
  const forms: [string, (response: Buffer) => string, number][] = [
    ['hex', hex, 0],
    ['hex in capitals', (response) => `0X${response.toString('hex').toUpperCase()}`, 0],
    ['base64', base64, 0],
    ['base64 with a capital B', (response) => `0B${response.toString('base64')}`, 0],
    ['too short', (response) => hex(response.subarray(1)), authenticationFailure],
    ['too long', (response) => hex(Buffer.concat([response, Buffer.alloc(1)])), authenticationFailure],
    ['too long, in base64', (response) => base64(Buffer.concat([response, response])), authenticationFailure],
    [
      'one bit wrong',
      (response) => hex(response.map((byte, at) => (at === 7 ? byte ^ 1 : byte))),
      authenticationFailure,
    ],
    ['1024 bytes of something', () => hex(Buffer.alloc(1024, 1)), authenticationFailure],
    ['1025 bytes in hex', () => hex(Buffer.alloc(1025, 1)), initiatorError],
    ['1025 bytes in base64', () => base64(Buffer.alloc(1025, 1)), initiatorError],
    ['8000 bytes in base64', () => base64(Buffer.alloc(6000, 1)), initiatorError],
    ['without its prefix', (response) => response.toString('hex'), initiatorError],
    ['no digits', () => '0x', initiatorError],
    ['digits of no base', () => '0xgg', initiatorError],
    ['base64 of no alphabet', () => '0b****', initiatorError],
    ['empty', () => '', initiatorError],
  ];
  for (const [what, encode, expected] of forms) {
    test(`${what}: ${expected === 0 ? 'taken' : `${expected.toString(16)}h`}`, async () => {
      await using served = await serveGuarded();
      const chap = await ChapLogin.open(served);
      const asked = await chap.challenge();
      const CHAP_R = encode(responseTo(asked, initiator.secret));
      assert.equal((await chap.prove(asked, { CHAP_R })).status, expected);
    });
  }
});

describe('CHAP_N is text, whatever it looks like', () => {
  for (const name of ['0xabcd', '0babcd', '0b', '1234', 'iqn.2001-04.com.example:host', 'ä'.repeat(127)]) {
    test(name.slice(0, 30), async () => {
      const who = { name, secret: initiator.secret };
      await using served = await serveGuarded({ initiators: [who], target: { name, secret: target.secret } });
      const chap = await ChapLogin.open(served);
      const asked = await chap.challenge();
      const { status, keys } = await chap.prove(asked, { CHAP_I: '1', CHAP_C: '0x01020304' }, who);
      assert.deepEqual([status, keys.get('CHAP_N')], [0, name]);
    });
  }
  for (const name of ['Alice', 'alic', 'alice ', 'alicee', '0x616c696365', '', 'a'.repeat(255)]) {
    test(`${JSON.stringify(name.slice(0, 30))} is nobody`, async () => {
      await using served = await serveGuarded();
      const chap = await ChapLogin.open(served);
      const asked = await chap.challenge();
      assert.equal((await chap.prove(asked, { CHAP_N: name })).status, authenticationFailure);
    });
  }
  test('more than 255 bytes are no value (RFC 7143 §6.1)', async () => {
    await using served = await serveGuarded();
    const chap = await ChapLogin.open(served);
    const asked = await chap.challenge();
    assert.equal((await chap.prove(asked, { CHAP_N: 'a'.repeat(256) })).status, initiatorError);
  });
});

describe('the initiator’s own CHAP_I and CHAP_C', () => {
  const challenges: [string, string, string, number][] = [
    ['the smallest', '0', '0x01', 0],
    ['the largest', '255', hex(Buffer.alloc(1024, 9)), 0],
    ['in hex and base64', '0xfe', base64(Buffer.alloc(16, 9)), 0],
    ['an identifier of more than a byte', '256', '0x0102', initiatorError],
    ['an identifier that is no number', 'one', '0x0102', initiatorError],
    ['a challenge of more than 1024 bytes', '1', hex(Buffer.alloc(1025, 9)), initiatorError],
    ['a challenge without digits', '1', '0x', initiatorError],
    ['a challenge that is not encoded', '1', 'challenge', initiatorError],
  ];
  for (const [what, CHAP_I, CHAP_C, expected] of challenges) {
    test(`${what}: ${expected === 0 ? 'answered' : `${expected.toString(16)}h`}`, async () => {
      await using served = await serveGuarded(mutual);
      const chap = await ChapLogin.open(served);
      const { status, keys } = await chap.prove(await chap.challenge(), { CHAP_I, CHAP_C });
      assert.equal(status, expected);
      assert.equal(keys.has('CHAP_R'), expected === 0);
    });
  }
});

test('the target’s challenge is in hex, which every initiator reads', async () => {
  await using served = await serveGuarded();
  const chap = await ChapLogin.open(served);
  const { keys } = await chap.request({ CHAP_A: '5' });
  assert.match(keys.get('CHAP_C') ?? '', /^0x[0-9a-f]{32}$/);
  assert.match(keys.get('CHAP_I') ?? '', /^(0|[1-9][0-9]{0,2})$/);
});
