/** What somebody without the secret may try (RFC 7143 §9.2.1). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoginStatus } from '../../../src/iscsi/pdu.ts';
import { type Challenge, ChapLogin, hex, initiator, mutual, responseTo, serveGuarded, target } from './chap-login.ts';

const { authenticationFailure } = LoginStatus;

test('every exchange has a challenge of its own', async () => {
  await using served = await serveGuarded();
  const asked: Challenge[] = [];
  for (let count = 0; count < 16; count++) asked.push(await (await ChapLogin.open(served)).challenge());
  assert.equal(new Set(asked.map(({ challenge }) => challenge.toString('hex'))).size, asked.length);
  assert.ok(asked.every(({ challenge }) => challenge.length === 16));
});

test('a response that was overheard is worth nothing on the next connection', async () => {
  await using served = await serveGuarded();
  const overheard = await ChapLogin.open(served);
  const asked = await overheard.challenge();
  assert.equal((await overheard.prove(asked)).status, 0);
  const replay = await ChapLogin.open(served);
  await replay.challenge();
  assert.equal((await replay.prove(asked)).status, authenticationFailure);
});

test('the target’s own challenge is not answered by the target, and the connection ends', async () => {
  await using served = await serveGuarded(mutual);
  const chap = await ChapLogin.open(served);
  const asked = await chap.challenge();
  const reflected = { CHAP_I: String(asked.identifier), CHAP_C: hex(asked.challenge) };
  const { status, keys } = await chap.prove(asked, reflected);
  assert.equal(status, authenticationFailure);
  assert.equal(keys.has('CHAP_R'), false);
  assert.equal(await chap.login.raw.next(), undefined);
});

test('the challenge of one connection, reflected on another, earns no answer that fits the first', async () => {
  await using served = await serveGuarded(mutual);
  const first = await ChapLogin.open(served);
  const asked = await first.challenge();
  const second = await ChapLogin.open(served);
  const reflected = { CHAP_I: String(asked.identifier), CHAP_C: hex(asked.challenge) };
  // Who can prove who it is on the second connection gets the target's response, which is made of another secret.
  const { keys } = await second.prove(await second.challenge(), reflected);
  const { status } = await first.prove(asked, { CHAP_R: keys.get('CHAP_R') ?? '' });
  assert.equal(status, authenticationFailure);
});

test('a response that the target itself would give is no proof, also where nobody asks for the target’s own', async () => {
  const same = { name: initiator.name, secret: target.secret };
  await using served = await serveGuarded({ initiators: [same], target });
  for (const question of [{}, { CHAP_I: '1', CHAP_C: '0x01020304' }]) {
    const chap = await ChapLogin.open(served);
    const { status } = await chap.prove(await chap.challenge(), question, same);
    assert.equal(status, authenticationFailure);
  }
});

test('the secret of one initiator does not open the door for the name of another', async () => {
  const bob = { name: 'bob', secret: Buffer.from('another-secret-of-bob') };
  await using served = await serveGuarded({ initiators: [initiator, bob] });
  const chap = await ChapLogin.open(served);
  const asked = await chap.challenge();
  const { status } = await chap.prove(asked, { CHAP_R: hex(responseTo(asked, bob.secret)) });
  assert.equal(status, authenticationFailure);
});
