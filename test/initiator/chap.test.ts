/** CHAP as the initiator goes through it: what is not according to the step ends the connection (RFC 7143 §9.2, §12.1.3). */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chapResponse } from '../../src/iscsi/chap.ts';
import { LoginRequest } from '../../src/iscsi/pdu.ts';
import { decodeText } from '../../src/iscsi/text.ts';
import type { ScriptedPeer } from '../support/scripted-target.ts';
import { portal, rig, targetName } from './support.ts';

const initiator = { name: 'client', secret: Buffer.from('a secret of twelve') };
const target = { name: 'disk', secret: Buffer.from('another of twelve') };

const here = { transit: false, nextStage: 0 };
const challenge = { CHAP_A: '7', CHAP_I: '9', CHAP_C: `0x${'5a'.repeat(16)}` };

type Keys = Readonly<Record<string, string>>;

interface Asked {
  readonly keys: ReadonlyMap<string, string>;
  readonly transit: boolean;
}

interface Play {
  readonly peer: ScriptedPeer;
  /** Answers what came last, in the same stage, and gives the next request. */
  answer(keys: Keys): Promise<Asked>;
  /** Likewise where the initiator must end the connection: the code that the login fails with. */
  failure(keys: Keys, fields?: Parameters<ScriptedPeer['answerLogin']>[2]): Promise<string>;
}

/** A login that has got as far as CHAP_A. */
async function begin(mutual: boolean): Promise<Play> {
  const all = rig({}, { chap: mutual ? { initiator, target } : { initiator }, chapAlgorithms: [7, 5] });
  const failed = all.initiator.login(portal, targetName).then(
    () => 'no failure',
    (error: { code: string }) => error.code,
  );
  const peer = await all.target.accept();
  let request = await peer.next();
  const answer = async (keys: Keys): Promise<Asked> => {
    peer.answerLogin(request, keys, here);
    request = await peer.next();
    const pairs = decodeText(Buffer.concat(request.data)).map(({ key, value }) => [key, value] as const);
    return { keys: new Map(pairs), transit: LoginRequest.view(request.header).transit };
  };
  await answer({ AuthMethod: 'CHAP', TargetPortalGroupTag: '1' });
  return {
    peer,
    answer,
    failure: async (keys, fields = here) => {
      peer.answerLogin(request, keys, fields);
      return failed;
    },
  };
}

const proofOf = (asked: Asked, secret = target.secret, name = target.name): Keys => ({
  CHAP_N: name,
  CHAP_R: `0x${chapResponse(7, Number(asked.keys.get('CHAP_I')), secret, Buffer.from((asked.keys.get('CHAP_C') ?? '').slice(2), 'hex')).toString('hex')}`,
});

test('the response is the hash of identifier, secret and challenge, and nothing is asked of a target without need (RFC 7143 §12.1.3)', async () => {
  const { answer } = await begin(false);
  const { keys, transit } = await answer(challenge);
  const response = chapResponse(7, 9, initiator.secret, Buffer.alloc(16, 0x5a)).toString('hex');
  assert.deepEqual(Object.fromEntries(keys), { CHAP_N: 'client', CHAP_R: `0x${response}` });
  assert.equal(transit, true);
});

test('a challenge in base64 is read as well (RFC 7143 §6.1)', async () => {
  const { answer } = await begin(false);
  const { keys } = await answer({ ...challenge, CHAP_C: `0b${Buffer.alloc(16, 0x5a).toString('base64')}` });
  const response = chapResponse(7, 9, initiator.secret, Buffer.alloc(16, 0x5a)).toString('hex');
  assert.equal(keys.get('CHAP_R'), `0x${response}`);
});

describe('the target’s question', () => {
  for (const [what, keys] of [
    ['an algorithm that was not offered', { CHAP_A: '6' }],
    ['a list of algorithms', { CHAP_A: '7,5' }],
    ['an algorithm that is no number', { CHAP_A: '7.0' }],
    ['an identifier out of range', { CHAP_I: '256' }],
    ['an identifier that is no number', { CHAP_I: '' }],
    ['a challenge that is no binary value', { CHAP_C: '5a5a' }],
    ['a challenge without bytes', { CHAP_C: '0x' }],
    ['a challenge of more than 1024 bytes', { CHAP_C: `0x${'00'.repeat(1025)}` }],
    ['a proof before the question', { CHAP_N: 'disk' }],
  ] as const) {
    test(what, async () => {
      const { failure } = await begin(true);
      assert.equal(await failure({ ...challenge, ...keys }), 'ISCSI_LOGIN_AUTH_FAILED');
    });
  }

  for (const missing of ['CHAP_A', 'CHAP_I', 'CHAP_C']) {
    test(`without ${missing}`, async () => {
      const { failure } = await begin(false);
      const keys = Object.fromEntries(Object.entries(challenge).filter(([key]) => key !== missing));
      assert.equal(await failure(keys), 'ISCSI_LOGIN_AUTH_FAILED');
    });
  }

  test('none: the target goes on without', async () => {
    const { failure } = await begin(false);
    assert.equal(await failure({}, { transit: true, nextStage: 1 }), 'ISCSI_LOGIN_UNEXPECTED');
  });

  test('another one after the answer', async () => {
    const { answer, failure } = await begin(false);
    await answer(challenge);
    assert.equal(await failure({ ...challenge, CHAP_C: `0x${'11'.repeat(16)}` }), 'ISCSI_LOGIN_AUTH_FAILED');
  });
});

describe('the target’s proof', () => {
  test('is taken when it is right', async () => {
    const { peer, answer } = await begin(true);
    const asked = await answer(challenge);
    const next = await answer(proofOf(asked));
    assert.deepEqual([next.keys.size, next.transit, peer.closed], [0, true, false]);
  });

  for (const [what, change] of [
    ['under another name', (asked: Asked) => proofOf(asked, target.secret, 'other')],
    ['with another secret', (asked: Asked) => proofOf(asked, Buffer.from('yet another secret'))],
    ['as this side would give it itself (§9.2.1)', (asked: Asked) => proofOf(asked, initiator.secret)],
    ['without the name', (asked: Asked) => ({ CHAP_R: proofOf(asked).CHAP_R ?? '' })],
    ['without the response', () => ({ CHAP_N: 'disk' })],
    ['with a response that is no binary value', () => ({ CHAP_N: 'disk', CHAP_R: 'secret' })],
    ['with one more question', (asked: Asked) => ({ ...proofOf(asked), CHAP_I: '1' })],
  ] as const) {
    test(what, async () => {
      const { answer, failure } = await begin(true);
      assert.equal(await failure(change(await answer(challenge))), 'ISCSI_LOGIN_AUTH_FAILED');
    });
  }

  test('none: the target goes on without', async () => {
    const { answer, failure } = await begin(true);
    await answer(challenge);
    assert.equal(await failure({}, { transit: true, nextStage: 1 }), 'ISCSI_LOGIN_AUTH_FAILED');
  });
});

test('every login asks another question (RFC 7143 §12.1.3)', async () => {
  const questions = new Set<string | undefined>();
  for (let login = 0; login < 3; login++) {
    const { answer } = await begin(true);
    questions.add((await answer(challenge)).keys.get('CHAP_C'));
  }
  assert.equal(questions.size, 3);
});
