/** The steps of CHAP, one way and mutual, and the method that leads to it (RFC 7143 §12.1, §12.1.3). */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LoginStatus } from '../../../src/iscsi/pdu.ts';
import { FULL, names, OPERATIONAL, RawLogin, SECURITY } from '../raw-login.ts';
import { serveTarget } from '../served-target.ts';
import { ChapLogin, hex, mutual, oneWay, responseTo, serveGuarded, target } from './chap-login.ts';

for (const [algorithm, name] of [
  [5, 'MD5'],
  [6, 'SHA-1'],
  [7, 'SHA-256'],
  [8, 'SHA3-256'],
] as const) {
  test(`${name}: the right response leads on, and into a session`, async () => {
    await using served = await serveGuarded();
    const chap = await ChapLogin.open(served);
    const asked = await chap.challenge(String(algorithm));
    assert.equal(asked.algorithm, algorithm);
    const { status, header } = await chap.prove(asked);
    assert.deepEqual([status, header.transit, header.nextStage], [0, true, OPERATIONAL]);
    assert.equal((await chap.request({}, { stage: OPERATIONAL, to: FULL })).status, 0);
    assert.equal(served.target.sessions.size, 1);
  });
}

test('who asks for proof gets it: the target’s name, and the response to the initiator’s challenge (RFC 7143 §12.1.3)', async () => {
  await using served = await serveGuarded(mutual);
  const chap = await ChapLogin.open(served);
  const asked = await chap.challenge('7');
  const question = { algorithm: 7, identifier: 200, challenge: Buffer.from('a challenge of the initiator') };
  const { status, keys } = await chap.prove(asked, { CHAP_I: '200', CHAP_C: hex(question.challenge) });
  assert.equal(status, 0);
  assert.equal(keys.get('CHAP_N'), target.name);
  assert.equal(keys.get('CHAP_R'), hex(responseTo(question, target.secret)));
});

test('who does not ask for it does not get it', async () => {
  await using served = await serveGuarded(mutual);
  const chap = await ChapLogin.open(served);
  const { status, keys } = await chap.prove(await chap.challenge());
  assert.equal(status, 0);
  assert.deepEqual(
    [...keys.keys()].filter((key) => key.startsWith('CHAP')),
    [],
  );
});

test('a target without a secret of its own cannot be authenticated (RFC 7143 §11.13.5)', async () => {
  await using served = await serveGuarded(oneWay);
  const chap = await ChapLogin.open(served);
  const { status } = await chap.prove(await chap.challenge(), { CHAP_I: '1', CHAP_C: '0x01020304' });
  assert.equal(status, LoginStatus.authenticationFailure);
});

describe('the method is the first of the list that is supported and fits (RFC 7143 §6.3.2, §12.1)', () => {
  for (const [offered, answer] of [
    ['CHAP', 'CHAP'],
    ['CHAP,None', 'CHAP'],
    ['None,CHAP', 'CHAP'],
    ['KRB5,SRP,CHAP,None', 'CHAP'],
    ['Z-com.example.method,CHAP', 'CHAP'],
  ] as const) {
    test(`${offered}: ${answer}`, async () => {
      await using served = await serveGuarded();
      const login = await RawLogin.open(served, { stage: SECURITY });
      const { status, keys } = await login.request({ ...names, AuthMethod: offered });
      assert.deepEqual([status, keys.get('AuthMethod')], [0, answer]);
    });
  }
  for (const offered of ['None', 'KRB5', 'SRP,None', 'chap', 'CHAPS', 'CHAP2', '']) {
    test(`${JSON.stringify(offered)}: no method is left, the login fails`, async () => {
      await using served = await serveGuarded();
      const login = await RawLogin.open(served, { stage: SECURITY });
      const { status } = await login.request({ ...names, AuthMethod: offered });
      assert.equal(status, LoginStatus.authenticationFailure);
    });
  }
  test('where nobody has to prove anything, None', async () => {
    await using served = await serveTarget();
    const login = await RawLogin.open(served, { stage: SECURITY });
    assert.equal((await login.request({ ...names, AuthMethod: 'CHAP,None' })).keys.get('AuthMethod'), 'None');
  });
});

describe('nobody goes on before the proof is complete (RFC 7143 §6.3.2)', () => {
  test('T with AuthMethod and T with CHAP_A are not answered with T', async () => {
    await using served = await serveGuarded();
    const login = await RawLogin.open(served, { stage: SECURITY });
    for (const keys of [{ ...names, AuthMethod: 'CHAP' }, { CHAP_A: '5' }]) {
      const { status, header } = await login.request(keys, { to: FULL });
      assert.deepEqual([status, header.transit], [0, false]);
    }
    assert.equal(served.target.sessions.size, 0);
  });

  test('the stage cannot be left out, nor the method', async () => {
    await using served = await serveGuarded();
    for (const stage of [SECURITY, OPERATIONAL]) {
      const login = await RawLogin.open(served, { stage });
      assert.equal((await login.complete()).status, LoginStatus.authenticationFailure);
    }
  });

  test('the proof may come without T, and T after it', async () => {
    await using served = await serveGuarded();
    const chap = await ChapLogin.open(served);
    const asked = await chap.challenge();
    const proof = { CHAP_N: 'alice', CHAP_R: hex(responseTo(asked, Buffer.from('correct-horse-battery'))) };
    assert.deepEqual((await chap.request(proof)).header.transit, false);
    assert.equal((await chap.request({}, { to: FULL })).header.transit, true);
  });

  test('AuthMethod and CHAP_A may come together', async () => {
    await using served = await serveGuarded();
    const login = await RawLogin.open(served, { stage: SECURITY });
    const { status, keys } = await login.request({ CHAP_A: '5', ...names, AuthMethod: 'CHAP' });
    assert.equal(status, 0);
    assert.deepEqual([...keys.keys()].sort(), ['AuthMethod', 'CHAP_A', 'CHAP_C', 'CHAP_I', 'TargetPortalGroupTag']);
  });
});
