/** Keys whose value depends on others: all of what one request says counts before any of it is answered (RFC 7143 §6.2). */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { INITIATOR } from '../raw-initiator.ts';
import { names, RawLogin } from '../raw-login.ts';
import { serveTarget } from '../served-target.ts';

async function answers(...keys: [string, string][]): Promise<ReadonlyMap<string, string>> {
  await using served = await serveTarget();
  const login = await RawLogin.open(served);
  const reply = await login.request([...Object.entries(names), ...keys].map(([key, value]) => ({ key, value })));
  assert.equal(reply.status, 0);
  return reply.keys;
}

describe('FirstBurstLength does not exceed MaxBurstLength (RFC 7143 §13.14)', () => {
  const burst: [string, string][] = [
    ['MaxBurstLength', '4096'],
    ['FirstBurstLength', '65536'],
  ];
  for (const [order, keys] of [
    ['when it comes after it', burst],
    ['when it comes before it', burst.toReversed()],
  ] as const) {
    test(order, async () => {
      const { MaxBurstLength, FirstBurstLength } = Object.fromEntries(await answers(...keys));
      assert.deepEqual([MaxBurstLength, FirstBurstLength], ['4096', '4096']);
    });
  }

  test('when it comes a request earlier, it is held to it all the same', async () => {
    await using served = await serveTarget();
    const login = await RawLogin.open(served);
    await login.request({ ...names, FirstBurstLength: '65536' });
    await login.complete({ MaxBurstLength: '4096' });
    const [session] = served.target.sessions;
    assert.equal(session?.parameters.firstBurstLength, 4096);
  });
});

describe('MaxOutstandingR2T is 1 where data sequences are in order and recovery is agreed on (RFC 7143 §13.19)', () => {
  const keys: [string, string][] = [
    ['ErrorRecoveryLevel', '1'],
    ['MaxOutstandingR2T', '4'],
  ];
  test('when it comes after the level', async () => {
    assert.equal((await answers(...keys)).get('MaxOutstandingR2T'), '1');
  });
  test('when it comes before the level', async () => {
    assert.equal((await answers(...keys.toReversed())).get('MaxOutstandingR2T'), '1');
  });
  test('when it comes a request earlier, no more than one R2T is sent at a time', async () => {
    await using served = await serveTarget();
    const login = await RawLogin.open(served);
    await login.request({ ...names, MaxOutstandingR2T: '4' });
    await login.complete({ ErrorRecoveryLevel: '2' });
    const [session] = served.target.sessions;
    assert.equal(session?.parameters.maxOutstandingR2T, 1);
  });
  test('at level 0 it is what both can do', async () => {
    assert.equal((await answers(['MaxOutstandingR2T', '4'])).get('MaxOutstandingR2T'), '4');
  });
});

describe('in a discovery session (RFC 7143 §13)', () => {
  const discovery = { InitiatorName: INITIATOR, SessionType: 'Discovery' };

  test('what shapes data transfer is irrelevant', async () => {
    await using served = await serveTarget();
    const keys = {
      MaxConnections: '4',
      InitialR2T: 'No',
      ImmediateData: 'No',
      MaxBurstLength: '65536',
      FirstBurstLength: '65536',
      MaxOutstandingR2T: '4',
      DataPDUInOrder: 'No',
      DataSequenceInOrder: 'No',
      TaskReporting: 'RFC3720,ResponseFence',
      iSCSIProtocolLevel: '1',
    };
    const reply = await (await RawLogin.open(served)).request({ ...discovery, ...keys });
    for (const key of Object.keys(keys)) assert.equal(reply.keys.get(key), 'Irrelevant', key);
  });

  test('the rest is negotiated, and ErrorRecoveryLevel is 0 (RFC 7143 §7.4.1)', async () => {
    await using served = await serveTarget();
    const keys = { HeaderDigest: 'CRC32C', DefaultTime2Wait: '5', DefaultTime2Retain: '0', ErrorRecoveryLevel: '2' };
    const reply = await (await RawLogin.open(served)).request({ ...discovery, ...keys });
    assert.deepEqual(
      Object.keys(keys).map((key) => reply.keys.get(key)),
      ['CRC32C', '5', '0', '0'],
    );
  });
});
