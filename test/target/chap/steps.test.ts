/**
 * Keys that are not those of their step: a Login reject with "initiator error" or "missing parameter". "Authentication failure" is for
 * proofs that are wrong (RFC 7143 §9.2).
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LoginStatus } from '../../../src/iscsi/pdu.ts';
import { FULL, names, OPERATIONAL, RawLogin, SECURITY } from '../raw-login.ts';
import { ChapLogin, hex, initiator, mutual, responseTo, serveGuarded } from './chap-login.ts';

const { initiatorError, missingParameter, authenticationFailure } = LoginStatus;

describe('in the first step', () => {
  const wrong: [string, Readonly<Record<string, string>>, number][] = [
    ['nothing', {}, missingParameter],
    ['the response before the question', { CHAP_N: 'alice', CHAP_R: '0x00' }, missingParameter],
    ['a challenge of its own', { CHAP_I: '1', CHAP_C: '0x0102' }, missingParameter],
    ['CHAP_A and a name', { CHAP_A: '5', CHAP_N: 'alice' }, initiatorError],
    ['CHAP_A and a challenge', { CHAP_A: '5', CHAP_I: '1', CHAP_C: '0x0102' }, initiatorError],
  ];
  for (const [what, keys, expected] of wrong) {
    test(`${what}: ${expected.toString(16)}h`, async () => {
      await using served = await serveGuarded(mutual);
      const chap = await ChapLogin.open(served);
      assert.equal((await chap.request(keys)).status, expected);
      assert.equal(await chap.login.raw.next(), undefined, 'the connection ends');
    });
  }
});

describe('in the second step', () => {
  const question = { CHAP_I: '1', CHAP_C: '0x0102030405060708' };
  const wrong: [string, (proof: Readonly<Record<string, string>>) => Readonly<Record<string, string>>, number][] = [
    ['nothing', () => ({}), missingParameter],
    ['no name', ({ CHAP_R = '' }) => ({ CHAP_R }), missingParameter],
    // Else it could have its own challenge answered first, and give the answer back (RFC 7143 §9.2).
    ['no response, but a challenge', ({ CHAP_N = '' }) => ({ CHAP_N, ...question }), missingParameter],
    ['an identifier without its challenge', (proof) => ({ ...proof, CHAP_I: '1' }), missingParameter],
    ['a challenge without its identifier', (proof) => ({ ...proof, CHAP_C: '0x0102' }), missingParameter],
    ['CHAP_A again', (proof) => ({ ...proof, CHAP_A: '5' }), initiatorError],
    ['a wrong response', (proof) => ({ ...proof, CHAP_R: hex(Buffer.alloc(16)) }), authenticationFailure],
  ];
  for (const [what, change, expected] of wrong) {
    test(`${what}: ${expected.toString(16)}h`, async () => {
      await using served = await serveGuarded(mutual);
      const chap = await ChapLogin.open(served);
      const asked = await chap.challenge();
      const proof = { CHAP_N: initiator.name, CHAP_R: hex(responseTo(asked, initiator.secret)) };
      assert.equal((await chap.request(change(proof), { to: OPERATIONAL })).status, expected);
      assert.equal(await chap.login.raw.next(), undefined, 'the connection ends');
      assert.equal(served.target.sessions.size, 0);
    });
  }
});

test('keys of CHAP after its end, in another stage, or without the method are an initiator error', async () => {
  await using served = await serveGuarded(mutual);
  const question = { CHAP_I: '1', CHAP_C: '0x0102030405060708' };
  const after = await ChapLogin.open(served);
  const asked = await after.challenge();
  const proof = { CHAP_N: initiator.name, CHAP_R: hex(responseTo(asked, initiator.secret)) };
  assert.equal((await after.request(proof)).status, 0);
  assert.equal((await after.request(question)).status, initiatorError);

  const operational = await ChapLogin.open(served);
  assert.equal((await operational.prove(await operational.challenge())).status, 0);
  assert.equal((await operational.request(question, { stage: OPERATIONAL, to: FULL })).status, initiatorError);

  const without = await RawLogin.open(served, { stage: SECURITY });
  assert.equal((await without.request({ ...names, CHAP_A: '5' })).status, initiatorError);
});
