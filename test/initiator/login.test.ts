import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTargetAddress } from '../../src/initiator/target-address.ts';
import { Opcode } from '../../src/iscsi/opcode.ts';
import { LoginRequest, LoginResponse, LoginStatus } from '../../src/iscsi/pdu.ts';
import { decodeText, encodeText } from '../../src/iscsi/text.ts';
import type { ScriptedPeer } from '../support/scripted-target.ts';
import { settled } from '../support/simulated-clock.ts';
import { acceptLogout, portal, rig, targetName } from './support.ts';

test('a target that takes the connection and says nothing is given up in time', async () => {
  const all = rig({}, { timeouts: { login: 15_000 } });
  const opening = all.initiator.login(portal, targetName);
  const rejected = assert.rejects(opening, { code: 'ISCSI_LOGIN_TIMEOUT' });
  const peer = await all.target.accept();
  await all.clock.pass(14_999);
  assert.ok(!peer.closed);
  await all.clock.pass(1);
  await rejected;
  assert.ok(peer.closed);
  assert.equal(all.clock.pending, 0);
});

test('a target that closes during the login is reported as that', async () => {
  const all = rig();
  const rejected = assert.rejects(all.initiator.login(portal, targetName), { code: 'ISCSI_LOGIN_CLOSED' });
  const peer = await all.target.accept();
  await peer.next();
  peer.close();
  await rejected;
  assert.equal(all.clock.pending, 0);
});

test('a server of another protocol ends the login in an error, whatever it says', async () => {
  const all = rig();
  const closed = assert.rejects(all.initiator.login(portal, targetName), { code: 'ISCSI_LOGIN_CLOSED' });
  const web = await all.target.accept();
  web.sendBytes(new TextEncoder().encode('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'));
  web.close();
  await closed;

  const unexpected = assert.rejects(all.initiator.login(portal, targetName), { code: 'ISCSI_LOGIN_UNEXPECTED' });
  const confused = await all.target.accept();
  confused.sendBytes(new Uint8Array(48));
  await unexpected;
  await settled();
  assert.ok(confused.closed);
});

test('a login can be given up from outside', async () => {
  const all = rig();
  const control = new AbortController();
  const rejected = assert.rejects(all.initiator.login(portal, targetName, { signal: control.signal }), {
    code: 'ABORTED',
  });
  const peer = await all.target.accept();
  await peer.next();
  control.abort();
  await rejected;
  await settled();
  assert.ok(peer.closed);
  assert.equal(all.clock.pending, 0);
});

const refusals: readonly (readonly [number, string])[] = [
  [LoginStatus.authenticationFailure, 'ISCSI_LOGIN_AUTH_FAILED'],
  [LoginStatus.authorizationFailure, 'ISCSI_LOGIN_NOT_ALLOWED'],
  [LoginStatus.notFound, 'ISCSI_TARGET_NOT_FOUND'],
  [LoginStatus.serviceUnavailable, 'ISCSI_LOGIN_UNAVAILABLE'],
  [0x02ff, 'ISCSI_LOGIN_INITIATOR_ERROR'],
  [0x0400, 'ISCSI_LOGIN_REFUSED'],
];

for (const [status, code] of refusals) {
  test(`login status ${status.toString(16).padStart(4, '0')}h is ${code}`, async () => {
    const all = rig();
    const rejected = assert.rejects(all.initiator.login(portal, targetName), { code });
    await (await all.target.accept()).refuseLogin(status);
    await rejected;
  });
}

test('a redirection is followed to the address that it names', async () => {
  const all = rig();
  const seen: string[] = [];
  const opening = all.initiator.login(portal, targetName, {
    redirected(from, to, permanent) {
      seen.push(`${from.host}:${from.port} ${to.host}:${to.port} ${permanent}`);
    },
  });
  const moved = { TargetAddress: '[2001:db8::9]:3261,1' };
  await (await all.target.accept()).refuseLogin(LoginStatus.targetMovedPermanently, moved);
  await (await all.target.accept()).refuseLogin(LoginStatus.targetMovedTemporarily, { TargetAddress: '192.0.2.9' });
  const peer = await all.target.accept();
  await peer.logIn();
  const session = await opening;
  assert.deepEqual(all.target.connectedTo, [
    { address: '192.0.2.1', port: 3260 },
    { address: '2001:db8::9', port: 3261 },
    { address: '192.0.2.9', port: 3260 },
  ]);
  assert.deepEqual(seen, ['192.0.2.1:3260 2001:db8::9:3261 true', '2001:db8::9:3261 192.0.2.9:3260 false']);
  const closing = session.close();
  await acceptLogout(peer);
  await closing;
});

test('targets that send the initiator round in a circle are found out', async () => {
  const all = rig();
  const rejected = assert.rejects(all.initiator.login(portal, targetName), { code: 'ISCSI_REDIRECTIONS' });
  let logins = 0;
  const circle = async () => {
    for (;;) {
      const peer = await all.target.accept();
      logins += 1;
      await peer.refuseLogin(LoginStatus.targetMovedTemporarily, { TargetAddress: `192.0.2.${logins % 2}:3260,1` });
    }
  };
  void circle();
  await rejected;
  assert.equal(logins, 9);
});

for (const address of ['', 'nowhere:port', '192.0.2.1:70000', '[2001:db8::1', '192.0.2.1:3260,1,2', 'a b:1']) {
  test(`a redirection to ${JSON.stringify(address)} is refused`, async () => {
    const all = rig();
    const rejected = assert.rejects(all.initiator.login(portal, targetName), { code: 'ISCSI_TARGET_ADDRESS' });
    await (await all.target.accept()).refuseLogin(LoginStatus.targetMovedTemporarily, { TargetAddress: address });
    await rejected;
  });
}

const credentials = { name: 'client', secret: new TextEncoder().encode('a secret of twelve') };

/** What is offered in one login that gets as far as CHAP and is refused there. */
async function algorithmsOffered(
  peer: ScriptedPeer,
  refusal: number = LoginStatus.authenticationFailure,
): Promise<string | undefined> {
  const ask = async () => decodeText(Buffer.concat((await peer.next()).data));
  const first = await peer.next();
  const { isid, initiatorTaskTag } = LoginRequest.view(first.header);
  const header = LoginResponse.encode({ opcode: Opcode.loginResponse, isid, initiatorTaskTag });
  peer.send(header, encodeText([{ key: 'AuthMethod', value: 'CHAP' }]));
  const offered = (await ask()).find(({ key }) => key === 'CHAP_A')?.value;
  const challenge = { CHAP_A: offered?.split(',')[0] ?? '', CHAP_I: '1', CHAP_C: '0x00112233445566778899aabbccddeeff' };
  peer.send(header, encodeText(Object.entries(challenge).map(([key, value]) => ({ key, value }))));
  await peer.refuseLogin(refusal);
  return offered;
}

test('a target that misreads the list of CHAP algorithms is offered MD5 alone, once (RFC 7143 §12.1.3)', async () => {
  for (const refusal of [LoginStatus.authenticationFailure, LoginStatus.initiatorError]) {
    const all = rig({}, { chap: { initiator: credentials } });
    const rejected = assert.rejects(all.initiator.login(portal, targetName), { code: 'ISCSI_LOGIN_AUTH_FAILED' });
    assert.equal(await algorithmsOffered(await all.target.accept(), refusal), '8,7,6,5');
    assert.equal(await algorithmsOffered(await all.target.accept()), '5');
    await rejected;
    assert.equal(all.target.connectedTo.length, 2);
  }
});

test('who has chosen the algorithms gets no others', async () => {
  const all = rig({}, { chap: { initiator: credentials }, chapAlgorithms: [7, 5] });
  const rejected = assert.rejects(all.initiator.login(portal, targetName), { code: 'ISCSI_LOGIN_AUTH_FAILED' });
  assert.equal(await algorithmsOffered(await all.target.accept()), '7,5');
  await rejected;
  assert.equal(all.target.connectedTo.length, 1);
});

test('an address without a port means 3260; 860 has to be said (RFC 7143 §13.8, §15)', () => {
  for (const text of ['192.0.2.9', '192.0.2.9,1', '[2001:db8::9]', '[2001:db8::9],7', 'disk.example']) {
    assert.equal(parseTargetAddress(text).port, 3260, text);
  }
  assert.equal(parseTargetAddress('192.0.2.9:860,1').port, 860);
});
