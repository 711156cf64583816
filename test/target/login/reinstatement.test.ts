/** A new session in the place of an old one of the same initiator port (RFC 7143 §4.4.3, §6.3.5, §7.4.2). */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DisklessError } from '../../../src/bytes/index.ts';
import { settled } from '../commands/asker.ts';
import { HeldDevice } from '../held-device.ts';
import { INITIATOR } from '../raw-initiator.ts';
import { names, RawLogin } from '../raw-login.ts';
import { type ServedTarget, serveTarget, TARGET } from '../served-target.ts';

const unnamed = { InitiatorName: INITIATOR, SessionType: 'Discovery' };
const named = { ...unnamed, TargetName: TARGET };

async function logIn(served: ServedTarget, keys: Readonly<Record<string, string>>, isid: string): Promise<RawLogin> {
  const login = await RawLogin.open(served, { isid });
  assert.equal((await login.complete(keys)).status, 0);
  return login;
}

/** Of the sessions that logged in, how many have not ended. */
function alive({ events }: ServedTarget): number {
  const ended = events.filter(({ kind }) => kind === 'session ended').length;
  return events.filter(({ kind }) => kind === 'login').length - ended;
}

test('of two logins at once, one is left: between two ports there is one session (RFC 7143 §4.4.3)', async () => {
  const device = new HeldDevice(64 * 512);
  await using served = await serveTarget({ device });
  const old = await logIn(served, names, '800000000001');
  old.raw.command(Buffer.from('2a000000000000000100000000000000', 'hex'), {
    direction: 'write',
    length: 512,
    immediateData: Buffer.alloc(512, 1),
  });
  await device.holding(1);
  // Both wait for what the old session does to the medium.
  const both = await Promise.all([logIn(served, names, '800000000001'), logIn(served, names, '800000000001')]);
  device.releaseAll();
  await settled();
  assert.equal(served.target.sessions.size, 1);
  assert.equal(alive(served), 1);
  const closed = await Promise.race(both.map(async ({ raw }, index) => [await raw.closed, index]));
  const [survivor] = both.filter((_, index) => index !== closed[1]);
  assert.equal((await survivor?.raw.run(new Uint8Array(16)))?.status, 0);
});

test('who waits for a device that is stuck is dropped in the end, and leaves nothing behind', async () => {
  const device = new HeldDevice(64 * 512);
  await using served = await serveTarget({ device });
  const old = await logIn(served, names, '800000000001');
  old.raw.command(Buffer.from('2a000000000000000100000000000000', 'hex'), {
    direction: 'write',
    length: 512,
    immediateData: Buffer.alloc(512, 1),
  });
  await device.holding(1);
  old.raw.tcp.destroy();
  await settled();
  const { pending } = served.clock;
  for (let count = 0; count < 5; count++) {
    const gone = await logIn(served, names, '800000000001');
    await settled();
    assert.equal(served.target.findLeaving(INITIATOR, '800000000001')?.waiting, 1);
    gone.raw.tcp.destroy();
    await settled();
    assert.equal(served.target.findLeaving(INITIATOR, '800000000001')?.waiting, 0);
    assert.equal(served.clock.pending, pending);
  }
  const patient = await logIn(served, names, '800000000001');
  await served.clock.pass(30_000);
  await patient.raw.closed;
  const failures = served.events.filter((event) => event.kind === 'login failed');
  assert.deepEqual(
    failures.map(({ error }) => error instanceof DisklessError && error.code),
    ['ISCSI_REINSTATEMENT_TIMEOUT'],
  );
  assert.equal(served.clock.pending, pending);
  device.releaseAll();
  await settled();
  const next = await logIn(served, names, '800000000001');
  assert.equal((await next.raw.run(new Uint8Array(16))).status, 0);
});

test('what a session that was cut off still writes reaches the medium before the next session starts (RFC 7143 §6.3.5)', async () => {
  const device = new HeldDevice(64 * 512);
  await using served = await serveTarget({ device });
  const old = await logIn(served, names, '800000000001');
  old.raw.command(Buffer.from('2a000000000000000100000000000000', 'hex'), {
    direction: 'write',
    length: 512,
    immediateData: Buffer.alloc(512, 1),
  });
  await device.holding(1);
  old.raw.tcp.destroy();
  await settled();
  assert.equal(alive(served), 0);
  const next = await logIn(served, names, '800000000001');
  const answer = next.raw.run(new Uint8Array(16));
  await settled();
  assert.equal(alive(served), 0, 'not yet');
  const other = await logIn(served, names, '800000000002');
  assert.equal((await other.raw.run(new Uint8Array(16))).status, 0, 'other ports do not wait');
  device.releaseAll();
  assert.equal((await answer).status, 0);
  assert.equal(alive(served), 2);
});

describe('discovery sessions without a target name (RFC 7143 §7.4.2.1)', () => {
  test('the same initiator port at the same portal: the new one takes the place of the old', async () => {
    await using served = await serveTarget();
    const old = await logIn(served, unnamed, '800000000001');
    await logIn(served, unnamed, '800000000001');
    await old.raw.closed;
    assert.equal(alive(served), 1);
  });

  test('another ISID, another initiator, a normal session: none reinstates another', async () => {
    await using served = await serveTarget();
    const first = await logIn(served, unnamed, '800000000001');
    const others = [
      await logIn(served, unnamed, '800000000002'),
      await logIn(served, { ...unnamed, InitiatorName: 'iqn.2026-11.internal.test:other' }, '800000000001'),
      await logIn(served, names, '800000000001'),
    ];
    await settled();
    assert.equal(alive(served), 1 + others.length);
    first.raw.logout();
    assert.notEqual(await first.raw.next(), undefined);
  });
});

describe('discovery sessions with a target name (RFC 7143 §7.4.2.2)', () => {
  for (const [what, first, second] of [
    ['discovery in the place of discovery', named, named],
    ['a normal session in the place of discovery', named, names],
    ['discovery in the place of a normal session', names, named],
  ] as const) {
    test(what, async () => {
      await using served = await serveTarget();
      const old = await logIn(served, first, '800000000001');
      await logIn(served, second, '800000000001');
      await old.raw.closed;
      assert.equal(alive(served), 1);
    });
  }

  test('one without a name does not count', async () => {
    await using served = await serveTarget();
    await logIn(served, unnamed, '800000000001');
    await logIn(served, named, '800000000001');
    await settled();
    assert.equal(alive(served), 2);
  });
});
