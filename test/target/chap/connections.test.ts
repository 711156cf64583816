/** All connections of a session prove the same identity by the same method (RFC 7143 §9.2). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoginStatus } from '../../../src/iscsi/pdu.ts';
import { FULL, names, OPERATIONAL, RawLogin } from '../raw-login.ts';
import { ChapLogin, initiator, serveGuarded } from './chap-login.ts';

const bob = { name: 'bob', secret: Buffer.from('another-secret-of-bob') };

test('one more connection proves to be who the first has proved to be, and nobody else', async () => {
  await using served = await serveGuarded({ initiators: [initiator, bob] });
  const first = await ChapLogin.open(served);
  await first.prove(await first.challenge());
  const last = await first.request({ MaxConnections: '4' }, { stage: OPERATIONAL, to: FULL });
  const { tsih } = last.header;

  const other = await ChapLogin.open(served, { tsih, cid: 2 });
  assert.equal((await other.prove(await other.challenge(), {}, bob)).status, LoginStatus.authenticationFailure);

  const none = await RawLogin.open(served, { tsih, cid: 2 });
  assert.equal((await none.complete(names)).status, LoginStatus.authenticationFailure);

  const same = await ChapLogin.open(served, { tsih, cid: 2 });
  assert.equal((await same.prove(await same.challenge())).status, 0);
  assert.equal((await same.request({}, { stage: OPERATIONAL, to: FULL })).status, 0);
  assert.equal([...served.target.sessions][0]?.connections.open().length, 2);
});

test('another session of the same port may prove to be another', async () => {
  await using served = await serveGuarded({ initiators: [initiator, bob] });
  for (const who of [initiator, bob]) {
    const chap = await ChapLogin.open(served);
    assert.equal((await chap.prove(await chap.challenge(), {}, who)).status, 0);
    assert.equal((await chap.request({}, { stage: OPERATIONAL, to: FULL })).status, 0);
  }
});
