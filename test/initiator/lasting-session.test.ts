/** A session that is kept up, and a Device on it that notices nothing. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Device } from '../../src/block/device.ts';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { DisklessError } from '../../src/bytes/index.ts';
import { Initiator, type InitiatorOptions, type KeepOptions } from '../../src/initiator/initiator.ts';
import type { LastingSession, Reachability } from '../../src/initiator/lasting-session.ts';
import { LogicalUnit } from '../../src/initiator/logical-unit.ts';
import { openRemoteDevice } from '../../src/initiator/remote-device.ts';
import { differenceOf, identityOf } from '../../src/initiator/unit-identity.ts';
import { Opcode } from '../../src/iscsi/opcode.ts';
import { Reject, RejectReason } from '../../src/iscsi/pdu.ts';
import { encodeLun } from '../../src/scsi/lun.ts';
import type { TargetDirectory } from '../../src/target/directory.ts';
import { Target } from '../../src/target/target.ts';
import { settled } from '../support/simulated-clock.ts';
import { HeldDevice } from '../target/held-device.ts';
import { type ServedTarget, serveTarget, TARGET } from '../target/served-target.ts';
import { acceptAbort, acceptLogout, lun, portal, respond, rig, targetName } from './support.ts';

const testUnitReady = new Uint8Array(6);
const own = encodeLun(0);

function initiatorOf({ network, clock }: ServedTarget, options: Partial<InitiatorOptions> = {}): Initiator {
  return new Initiator({ network, clock, initiatorName: 'iqn.2026-11.internal.test:initiator', ...options });
}

type Rig = ReturnType<typeof rig>;
type Peer = Awaited<ReturnType<Rig['target']['accept']>>;

/** A session that is kept up, with the target's end of its first connection. */
async function keep(all: Rig, options: KeepOptions = {}): Promise<{ first: Peer; session: LastingSession }> {
  const opening = all.initiator.keep(portal, targetName, options);
  const first = await all.target.accept();
  await first.logIn();
  return { first, session: await opening };
}

/** By a logout, which leaves no timer. */
async function closeForGood({ clock }: Rig, session: LastingSession, peer: Peer): Promise<void> {
  const closing = session.close();
  await acceptLogout(peer);
  await closing;
  await settled();
  assert.equal(clock.pending, 0);
}

test('a Device goes on after the target has asked for a logout: at once, and nothing is lost', async () => {
  const memory = new MemoryDevice(64 * 512);
  await using served = await serveTarget({ device: memory });
  await using session = await initiatorOf(served).keep(portal, TARGET);
  const device = await openRemoteDevice(session, own, served.clock);
  const first = session.current;
  const [atTarget] = served.portal.sessions;
  const asked = atTarget?.requestLogout(10);
  const writes = Array.from({ length: 64 }, (_, block) => device.write(block * 512, [new Uint8Array(512).fill(block)]));
  await Promise.all(writes);
  assert.equal(await asked, true, 'it has logged out');
  const content = Buffer.concat(await device.read(0, 64 * 512));
  assert.ok(content.every((byte, index) => byte === index >> 9));
  assert.notEqual(session.current, first);
  assert.deepEqual(
    served.events.map(({ kind }) => kind).filter((kind) => kind === 'login' || kind === 'session ended'),
    ['login', 'session ended', 'login'],
  );
});

test('commands that were under way when the session was dropped run in the next one, after Time2Wait', async () => {
  const device = new HeldDevice(64 * 512);
  await using served = await serveTarget({ device });
  await using session = await initiatorOf(served).keep(portal, TARGET);
  const read = session.execute({ lun: own, cdb: Uint8Array.of(0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0), readLength: 512 });
  await device.holding(1);
  const [atTarget] = served.portal.sessions;
  for (const connection of atTarget?.connections.open() ?? []) connection.announceShutdown();
  const ended = atTarget?.end('shutdown');
  await settled();
  device.releaseAll();
  await ended;
  await served.clock.pass(1_999);
  assert.equal(served.portal.sessions.length, 0, 'DefaultTime2Wait is two seconds');
  await served.clock.pass(1);
  await device.holding(1);
  device.releaseAll();
  assert.equal((await read).status, 0);
});

const machine = { name: 'machine', secret: Buffer.from('a secret of machines') };
const disk = { name: 'disk', secret: Buffer.from('another one, of disks') };

test('a session that follows another one is proved by both ends as that was (RFC 4173 §8)', async () => {
  await using served = await serveTarget({ authentication: { initiators: [machine], target: disk } });
  await using session = await initiatorOf(served, { chap: { initiator: machine, target: disk } }).keep(portal, TARGET);
  const provenBy = () => served.portal.sessions.map(({ authenticatedAs }) => authenticatedAs);
  assert.deepEqual(provenBy(), ['machine']);
  await endSession(served);
  assert.deepEqual(provenBy(), []);
  const running = session.execute({ lun: own, cdb: testUnitReady });
  await served.clock.pass(2_000);
  await running;
  assert.deepEqual(provenBy(), ['machine']);
});

test('a session that follows is refused to a target that cannot prove what the first one did', async () => {
  let logins = 0;
  const target = new Target({ name: TARGET, units: new Map([[0, new MemoryDevice(64 * 512)]]) });
  const directory: TargetDirectory = {
    names: () => [TARGET],
    find: () => {
      logins += 1;
      const secret = logins === 1 ? disk.secret : Buffer.from('a guess of somebody');
      return { target, authentication: { initiators: [machine], target: { ...disk, secret } } };
    },
  };
  await using served = await serveTarget({ portal: { directory } });
  const chap = { initiator: machine, target: disk };
  await using session = await initiatorOf(served, { chap, timeouts: { renewal: 1_000 } }).keep(portal, TARGET);
  await endSession(served);
  const failed = assert.rejects(session.execute({ lun: own, cdb: testUnitReady }), { code: 'ISCSI_LOGIN_AUTH_FAILED' });
  for (let second = 0; second < 5; second++) await served.clock.pass(1_000);
  await failed;
  assert.ok(logins > 1);
});

/** A target in each of whose sessions there are other units. */
async function changingTarget(...units: readonly ReadonlyMap<number, Device>[]) {
  const targets = units.map((each) => new Target({ name: TARGET, units: each }));
  const directory: TargetDirectory = { names: () => [TARGET], find: () => targets.shift() };
  return { served: await serveTarget({ portal: { directory } }), left: targets };
}

/** Ends the one session there is, as a target does that is restarted. */
async function endSession({ portal: { sessions } }: ServedTarget): Promise<void> {
  await sessions[0]?.end('shutdown');
  await settled();
}

test('a unit that is another one in the next session is not written to, and that is the end', async () => {
  const [first, smaller] = [new MemoryDevice(64 * 512), new MemoryDevice(32 * 512)];
  const { served, left } = await changingTarget(new Map([[0, first]]), new Map([[0, smaller]]), new Map([[0, first]]));
  await using _served = served;
  await using session = await initiatorOf(served).keep(portal, TARGET);
  const device = await openRemoteDevice(session, own, served.clock);
  const before = await identityOf(device.unit);
  const other = new DisklessError('TEST_OTHER', 'it is another one');
  session.recognizeBy(async (next) => {
    const now = await identityOf(new LogicalUnit(next, own, served.clock));
    return differenceOf(before, now) === undefined ? undefined : other;
  });
  await endSession(served);
  const writing = assert.rejects(device.write(0, [new Uint8Array(512).fill(1)]), { code: 'TEST_OTHER' });
  await served.clock.pass(2_000);
  await writing;
  await assert.rejects(device.read(0, 512), { code: 'TEST_OTHER' });
  assert.equal(session.lost.reason, other);
  assert.equal(left.length, 1);
  assert.deepEqual(Buffer.concat(await smaller.read(0, 512)), Buffer.alloc(512));
  await settled();
  assert.equal(served.portal.sessions.length, 0);
});

test('a unit that is not there yet is looked for again', async () => {
  const units = new Map([[0, new MemoryDevice(64 * 512)]]);
  const { served, left } = await changingTarget(units, new Map(), new Map(), units);
  await using _served = served;
  await using session = await initiatorOf(served).keep(portal, TARGET);
  const device = await openRemoteDevice(session, own, served.clock);
  session.recognizeBy(async (next) => {
    await identityOf(new LogicalUnit(next, own, served.clock));
    return undefined;
  });
  await endSession(served);
  const writing = device.write(0, [new Uint8Array(512).fill(1)]);
  for (let second = 0; second < 4; second++) await served.clock.pass(1_000);
  await writing;
  assert.equal(left.length, 0);
  assert.equal(session.lost.aborted, false);
});

test('a target that is away is tried again until it is back', async () => {
  const all = rig();
  const { first, session } = await keep(all);
  first.close();
  await settled();
  const running = session.execute({ lun, cdb: testUnitReady });
  await all.clock.pass(2_000);
  for (let tries = 0; tries < 3; tries++) {
    const peer = await all.target.accept();
    await peer.refuseLogin(0x0301);
    await all.clock.pass(1_000);
  }
  const peer = await all.target.accept();
  await peer.logIn();
  respond(peer, await peer.next());
  assert.equal((await running).status, 0);
  await closeForGood(all, session, peer);
});

test('commands do not wait for ever: they fail as the login does, then at once, and run when the target is back, which is told', async () => {
  const all = rig({}, { timeouts: { renewal: 3_500 } });
  const told: Reachability[] = [];
  const onReachability = (reachability: Reachability) => void told.push(reachability);
  const { first, session } = await keep(all, { onReachability });
  first.close();
  await settled();
  const failed = assert.rejects(session.execute({ lun, cdb: testUnitReady }), { code: 'ISCSI_LOGIN_UNAVAILABLE' });
  await all.clock.pass(2_000);
  await (await all.target.accept()).refuseLogin(0x0301);
  await all.clock.pass(1_000);
  assert.deepEqual([told, session.isReachable], [[], true]);
  await (await all.target.accept()).refuseLogin(0x0301);
  await settled();
  await failed;
  const [{ kind, after, error } = assert.fail()] = told.splice(0) as Extract<Reachability, { kind: 'unreachable' }>[];
  assert.deepEqual([kind, after, session.isReachable], ['unreachable', 3_000, false]);
  assert.match(String(error), /ISCSI_LOGIN_UNAVAILABLE|not ready/);
  // No time passes.
  await assert.rejects(session.execute({ lun, cdb: testUnitReady }), { code: 'ISCSI_LOGIN_UNAVAILABLE' });
  await all.clock.pass(1_000);
  await (await all.target.accept()).refuseLogin(0x0301);
  await all.clock.pass(1_000);
  assert.deepEqual(told, [], 'once');
  const peer = await all.target.accept();
  await peer.logIn();
  await settled();
  assert.deepEqual([told, session.isReachable], [[{ kind: 'back', after: 5_000 }], true]);
  const running = session.execute({ lun, cdb: testUnitReady });
  respond(peer, await peer.next());
  assert.equal((await running).status, 0);
  await closeForGood(all, session, peer);
});

test('a session that is looked for in vain can be closed, and leaves nothing', async () => {
  const all = rig({}, { timeouts: { renewal: 2_500 } });
  const { first, session } = await keep(all);
  first.close();
  await settled();
  const failed = assert.rejects(session.execute({ lun, cdb: testUnitReady }), { code: 'ISCSI_LOGIN_UNAVAILABLE' });
  await all.clock.pass(2_000);
  await (await all.target.accept()).refuseLogin(0x0301);
  await failed;
  await session.close();
  await assert.rejects(session.execute({ lun, cdb: testUnitReady }), { code: 'ISCSI_SESSION_CLOSED' });
  assert.equal(all.clock.pending, 0);
});

test('a command that ends every session with it is given up', async () => {
  const all = rig();
  const { first, session } = await keep(all);
  const failed = assert.rejects(session.execute({ lun, cdb: testUnitReady }), { code: 'ISCSI_CONNECTION_LOST' });
  let peer = first;
  for (let sessions = 1; ; sessions++) {
    await peer.next();
    peer.close();
    await settled();
    if (sessions === 5) break;
    await all.clock.pass(2_000);
    peer = await all.target.accept();
    await peer.logIn();
  }
  await failed;
});

test('what fails while the session goes on fails', async () => {
  const all = rig();
  const opening = all.initiator.keep(portal, targetName);
  const peer = await all.target.accept();
  await peer.logIn();
  const session = await opening;
  const failed = assert.rejects(session.execute({ lun, cdb: testUnitReady }), { code: 'ISCSI_REJECTED' });
  const { header } = await peer.next();
  peer.send(Reject.encode({ opcode: Opcode.reject, final: true, reason: RejectReason.protocolError }), header);
  await acceptAbort(peer);
  await failed;
  assert.equal(session.current.isOpen, true);
});

test('close ends a renewal that is under way, and leaves nothing', async () => {
  const all = rig();
  const { first, session } = await keep(all);
  first.close();
  await settled();
  const failed = assert.rejects(session.execute({ lun, cdb: testUnitReady }), { code: 'ISCSI_SESSION_CLOSED' });
  await settled();
  await session.close();
  await failed;
  await assert.rejects(session.execute({ lun, cdb: testUnitReady }), { code: 'ISCSI_SESSION_CLOSED' });
  assert.equal(all.clock.pending, 0);
});
