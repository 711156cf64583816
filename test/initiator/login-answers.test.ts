/** What a target may not answer in a login: the connection ends (RFC 7143 §6.3, §7.12, §11.13, §9.2). */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LoginRequest, LoginStage } from '../../src/iscsi/pdu.ts';
import type { LoginAnswer } from '../support/scripted-target.ts';
import { portal, type Rig, rig, targetName } from './support.ts';

const { securityNegotiation, loginOperationalNegotiation, fullFeaturePhase } = LoginStage;

type Keys = Parameters<Awaited<ReturnType<Rig['target']['accept']>>['answerLogin']>[1];

interface Answer {
  readonly keys?: Keys;
  readonly fields?: LoginAnswer;
}

const securityKeys = { AuthMethod: 'None', TargetPortalGroupTag: '1' };

/** Plays a login with these answers, security stage first: the code that it fails with, or undefined. */
async function play(security: Answer, operational: Answer = {}): Promise<string | undefined> {
  const all = rig();
  const opening = all.initiator.login(portal, targetName).then(
    () => undefined,
    (error: { code: string }) => error.code,
  );
  const peer = await all.target.accept();
  peer.answerLogin(await peer.next(), security.keys ?? securityKeys, security.fields);
  if (security.fields === undefined && security.keys === undefined) {
    peer.answerLogin(await peer.next(), operational.keys ?? {}, operational.fields);
  }
  const code = await opening;
  if (code !== undefined) assert.equal(all.clock.pending, 0);
  return code;
}

test('a login that answers what was asked succeeds', async () => {
  assert.equal(await play({}), undefined);
});

describe('headers', () => {
  for (const [what, security, operational] of [
    ['another version than was offered (§11.13.2)', { versionActive: 1 }],
    ['a stage beyond the one that was asked for (§6.3)', { nextStage: fullFeaturePhase }],
    ['a stage that it is in already (§6.3)', { nextStage: securityNegotiation }],
    ['another stage than both are in (§6.3)', { currentStage: loginOperationalNegotiation }],
    ['another Initiator Task Tag (§11.13)', { initiatorTaskTag: 77 }],
    ['T for a text that goes on (§11.13.7)', { transit: true, continue: true }],
    ['the end of the login for one more stage (§6.3)', undefined, { nextStage: loginOperationalNegotiation }],
  ] as const) {
    test(what, async () => {
      const result = play(
        security === undefined ? {} : { fields: security },
        operational === undefined ? {} : { fields: operational },
      );
      assert.equal(await result, 'ISCSI_LOGIN_UNEXPECTED');
    });
  }

  test('T without having been asked for it (§11.13.6)', async () => {
    const all = rig();
    const failed = assert.rejects(all.initiator.login(portal, targetName), { code: 'ISCSI_LOGIN_UNEXPECTED' });
    const peer = await all.target.accept();
    peer.answerLogin(await peer.next(), {}, { transit: false, nextStage: 0, continue: true });
    const request = await peer.next();
    assert.equal(LoginRequest.view(request.header).transit, false);
    assert.equal(request.dataLength, 0);
    peer.answerLogin(request, securityKeys, { transit: true, nextStage: loginOperationalNegotiation });
    await failed;
  });
});

test('who is not taken further asks again, by empty requests with T, until it is (RFC 7143 §6.3.3)', async () => {
  const all = rig();
  const opening = all.initiator.login(portal, targetName);
  const peer = await all.target.accept();
  peer.answerLogin(await peer.next(), securityKeys);
  peer.answerLogin(await peer.next(), { MaxBurstLength: '65536' }, { transit: false, nextStage: 0 });
  for (const transit of [false, true]) {
    const request = await peer.next();
    assert.equal(LoginRequest.view(request.header).transit, true);
    assert.equal(LoginRequest.view(request.header).nextStage, fullFeaturePhase);
    assert.equal(request.dataLength, 0);
    peer.answerLogin(request, {}, transit ? {} : { transit, nextStage: 0 });
  }
  assert.equal((await opening).parameters.maxBurstLength, 65_536);
});

describe('keys', () => {
  for (const [what, code, keys] of [
    ['twice the same in one answer (§6.3)', 'ISCSI_KEY_REPEATED', [{ key: 'MaxBurstLength', value: '512' }]],
    ['a value that the offer does not allow (§6.2.1)', 'ISCSI_KEY_INVALID', [{ key: 'HeaderDigest', value: 'CRC64' }]],
    [
      'a number above the offer, where the smaller counts (§6.2.2)',
      'ISCSI_KEY_INVALID',
      [{ key: 'MaxBurstLength', value: '16777215' }],
    ],
    ['a declaration out of range (§7.12)', 'ISCSI_KEY_INVALID', [{ key: 'MaxRecvDataSegmentLength', value: '511' }]],
    ['"Reject" for what was not offered (§6.2)', 'ISCSI_KEY_INVALID', [{ key: 'TaskReporting', value: 'Reject' }]],
    [
      'a name that is the initiator’s to give (§13.5)',
      'ISCSI_KEY_INVALID',
      [{ key: 'InitiatorName', value: 'iqn.2001-04.com.example:me' }],
    ],
    ['a type of session (§13.21)', 'ISCSI_KEY_INVALID', [{ key: 'SessionType', value: 'Normal' }]],
    ['a question for targets (§13.3)', 'ISCSI_KEY_INVALID', [{ key: 'SendTargets', value: 'All' }]],
    ['CHAP that nobody has agreed to (§9.2)', 'ISCSI_LOGIN_UNEXPECTED', [{ key: 'CHAP_A', value: '5' }]],
  ] as const) {
    test(what, async () => {
      const twice = code === 'ISCSI_KEY_REPEATED' ? [...keys, ...keys] : keys;
      assert.equal(await play({}, { keys: twice }), code);
    });
  }

  test('a portal group that is no number (§13.9)', async () => {
    for (const value of ['65536', 'one', '-1', '']) {
      assert.equal(await play({ keys: { ...securityKeys, TargetPortalGroupTag: value } }), 'ISCSI_KEY_INVALID', value);
    }
  });

  test('again in a later answer (§6.3)', async () => {
    const again = [{ key: 'TargetPortalGroupTag', value: '1' }];
    assert.equal(await play({}, { keys: again }), 'ISCSI_KEY_REPEATED');
  });
});
