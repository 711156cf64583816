/** Who may use what: names, networks, a LUN map per initiator, CHAP, redirection, and many at once. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { inIpNetwork, parseIpNetwork } from '../../src/bytes/index.ts';
import { Initiator, type InitiatorOptions } from '../../src/initiator/initiator.ts';
import type { ChapSecret } from '../../src/iscsi/chap.ts';
import { parseChapFile } from '../../src/iscsi/chap-file.ts';
import { LoginStatus } from '../../src/iscsi/pdu.ts';
import { Status, Transfer10Cdb } from '../../src/scsi/index.ts';
import { AccessList, type Grant } from '../../src/target/access.ts';
import { AuthenticationFailures } from '../../src/target/authentication-failures.ts';
import type { TargetDirectory } from '../../src/target/directory.ts';
import { Target } from '../../src/target/target.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { ChapLogin, initiator } from './chap/chap-login.ts';
import { RawLogin } from './raw-login.ts';
import { type ServedTarget, serveTarget, TARGET } from './served-target.ts';

const BLOCK = 512;
const OTHER = 'iqn.2026-11.internal.test:other';
const alice = 'iqn.2026-11.internal.test:alice';
const bob = 'iqn.2026-11.internal.test:bob';
const readOne = Transfer10Cdb.encode({ operationCode: 0x28, transferLength: 1 });

function diskOf(byte: number): Target {
  const disk = new MemoryDevice(new Uint8Array(8 * BLOCK).fill(byte));
  return new Target({ name: TARGET, units: new Map([[0, disk]]) });
}

function serveGrants(grants: readonly Grant[]): Promise<ServedTarget> {
  return serveTarget({ portal: { directory: new AccessList(grants) } });
}

test('every initiator finds its own disk as LUN 0 under one target name', async () => {
  await using served = await serveGrants([
    { target: diskOf(1), initiators: [alice] },
    { target: diskOf(2), initiators: [bob] },
  ]);
  for (const [initiatorName, byte] of [
    [alice, 1],
    [bob, 2],
  ] as const) {
    const initiator = await served.connect();
    await initiator.login({ targetName: TARGET, initiatorName });
    const { status, data } = await initiator.run(readOne, { length: BLOCK });
    assert.equal(status, Status.good);
    assert.ok(data.every((value) => value === byte));
  }
});

test('who is not on the list is told what it would be told of a target that does not exist', async () => {
  await using served = await serveGrants([{ target: diskOf(1), initiators: [alice] }]);
  for (const targetName of [TARGET, OTHER]) {
    const initiator = await served.connect();
    assert.equal(await initiator.tryLogin({ targetName, initiatorName: bob }), LoginStatus.notFound);
    await initiator.closed;
  }
  const reasons = served.events.flatMap((event) => (event.kind === 'login failed' ? [event.error.message] : []));
  assert.match(reasons[0] ?? '', /bob is not among its initiators/, 'the owner learns why');
  assert.match(reasons[1] ?? '', /no target/);
});

test('networks count by the address that the connection comes from', async () => {
  const networks = (text: string) => [parseIpNetwork(text)];
  await using served = await serveGrants([
    { target: diskOf(1), networks: networks('192.0.2.0/31') },
    { target: diskOf(2), networks: networks('192.0.2.2') },
  ]);
  const initiator = await served.connect();
  await initiator.login({ targetName: TARGET });
  assert.equal((await initiator.run(readOne, { length: BLOCK })).data[0], 2);
});

test('SendTargets lists what the asker may use, and nothing else', async () => {
  const hidden = new Target({ name: OTHER, units: new Map() });
  await using served = await serveGrants([
    { target: diskOf(1), initiators: [alice] },
    { target: hidden, initiators: [bob] },
    { target: diskOf(2), initiators: [alice, bob] },
  ]);
  const seen = async (initiatorName: string) => {
    const { network, clock } = served;
    const initiator = new Initiator({ network, clock, initiatorName });
    return (await initiator.discover({ host: '192.0.2.1', port: 3260 })).map(({ name }) => name);
  };
  assert.deepEqual(await seen(alice), [TARGET]);
  assert.deepEqual(await seen(bob), [OTHER, TARGET]);
  assert.deepEqual(await seen('iqn.2026-11.internal.test:eve'), []);
});

const aliceSecret: ChapSecret = { name: 'alice', secret: Buffer.from('a secret of alice') };
const bobSecret: ChapSecret = { name: 'bob', secret: Buffer.from('a secret of bob') };
const diskSecret: ChapSecret = { name: 'disk', secret: Buffer.from('a secret of the disk') };

function logIn(served: ServedTarget, chap?: InitiatorOptions['chap'], initiatorName = alice) {
  const { network, clock } = served;
  const initiator = new Initiator({ network, clock, initiatorName, ...(chap === undefined ? {} : { chap }) });
  return initiator.login({ host: '192.0.2.1', port: 3260 }, TARGET);
}

test('CHAP lets in each of those who are named, one way and mutual (RFC 7143 §12.1.3)', async () => {
  const authentication = { initiators: [aliceSecret, bobSecret], target: diskSecret };
  await using served = await serveGrants([{ target: diskOf(1), authentication }]);
  for (const initiator of [aliceSecret, bobSecret]) {
    for (const chap of [{ initiator }, { initiator, target: diskSecret }]) {
      const session = await logIn(served, chap);
      await session.close();
    }
  }
  const refused = { code: 'ISCSI_LOGIN_AUTH_FAILED' };
  await assert.rejects(logIn(served), refused);
  await assert.rejects(logIn(served, { initiator: { ...aliceSecret, secret: bobSecret.secret } }), refused);
  await assert.rejects(logIn(served, { initiator: { ...aliceSecret, name: 'nobody' } }), refused);
});

test('discovery takes proof that is offered, and needs none', async () => {
  await using served = await serveGrants([{ target: diskOf(1), authentication: { initiators: [aliceSecret] } }]);
  const { network, clock } = served;
  const discover = (chap?: InitiatorOptions['chap']) =>
    new Initiator({ network, clock, initiatorName: alice, ...(chap === undefined ? {} : { chap }) }).discover({
      host: '192.0.2.1',
      port: 3260,
    });
  assert.equal((await discover()).length, 1);
  assert.equal((await discover({ initiator: aliceSecret })).length, 1);
  await assert.rejects(discover({ initiator: bobSecret }), { code: 'ISCSI_LOGIN_AUTH_FAILED' });
});

test('SendTargets lists, to who has proved who it is, what that proof opens', async () => {
  const others = new Target({ name: OTHER, units: new Map() });
  const free = new Target({ name: `${OTHER}-free`, units: new Map() });
  await using served = await serveGrants([
    { target: diskOf(1), authentication: { initiators: [aliceSecret] } },
    { target: others, authentication: { initiators: [bobSecret] } },
    { target: free },
  ]);
  const { network, clock } = served;
  const seen = async (initiator: ChapSecret) => {
    const machine = new Initiator({ network, clock, initiatorName: alice, chap: { initiator } });
    return (await machine.discover({ host: '192.0.2.1', port: 3260 })).map(({ name }) => name);
  };
  assert.deepEqual(await seen(aliceSecret), [TARGET, free.name]);
  assert.deepEqual(await seen(bobSecret), [OTHER, free.name]);
});

test('where discovery needs proof, who has given none sees only what needs none', async () => {
  const free = new Target({ name: `${OTHER}-free`, units: new Map() });
  const guarded = { target: diskOf(1), authentication: { initiators: [aliceSecret] } };
  const forBob = { target: free, initiators: [bob] };
  // Never reached: whoever asks for this name gets the one that is guarded.
  const hidden = { target: diskOf(2) };
  const directory = new AccessList([guarded, forBob, hidden], { discoveryNeedsProof: true });
  await using served = await serveTarget({ portal: { directory } });
  const { network, clock } = served;
  const seen = async (initiatorName: string, chap?: InitiatorOptions['chap']) => {
    const machine = new Initiator({ network, clock, initiatorName, ...(chap === undefined ? {} : { chap }) });
    return (await machine.discover({ host: '192.0.2.1', port: 3260 })).map(({ name }) => name);
  };
  const proof = { initiator: aliceSecret };
  assert.deepEqual(await seen(bob), [free.name]);
  assert.deepEqual(await seen(bob, proof), [TARGET, free.name]);
  assert.deepEqual(await seen(alice, proof), [TARGET]);
  await assert.rejects(seen(alice), { code: 'ISCSI_LOGIN_AUTH_FAILED' }, 'it could see nothing');
});

test('who guesses secrets is turned away for a while, and nobody else', async () => {
  const authentication = { initiators: [aliceSecret] };
  const limits = { attempts: 3, lockout: 60_000 };
  const directory = new AccessList([{ target: diskOf(1), authentication }]);
  await using served = await serveTarget({ portal: { directory }, authenticationLimits: limits });
  const right = { initiator: aliceSecret };
  const wrong = { initiator: { ...aliceSecret, secret: bobSecret.secret } };
  for (let attempt = 0; attempt < 3; attempt++) await assert.rejects(logIn(served, wrong));
  await assert.rejects(logIn(served, right), { code: 'ISCSI_LOGIN_AUTH_FAILED' }, 'even with the right secret');
  await (await logIn(served, right, bob)).close();
  served.clock.advance(60_000);
  await (await logIn(served, right)).close();
});

test('wrong proof in discovery counts as in a login, and right proof is not looked at afterwards', async () => {
  const directory = new AccessList([{ target: diskOf(1), authentication: { initiators: [aliceSecret] } }]);
  const limits = { attempts: 3, lockout: 60_000 };
  await using served = await serveTarget({ portal: { directory }, authenticationLimits: limits });
  const { network, clock } = served;
  const discover = (initiator: ChapSecret) =>
    new Initiator({ network, clock, initiatorName: alice, chap: { initiator } }).discover({
      host: '192.0.2.1',
      port: 3260,
    });
  const refused = { code: 'ISCSI_LOGIN_AUTH_FAILED' };
  const wrong = { ...aliceSecret, secret: bobSecret.secret };
  for (let attempt = 0; attempt < 3; attempt++) await assert.rejects(discover(wrong), refused);
  await assert.rejects(discover(aliceSecret), refused);
  await assert.rejects(logIn(served, { initiator: aliceSecret }), refused, 'one count for both kinds of session');
  clock.advance(60_000);
  assert.equal((await discover(aliceSecret)).length, 1);
});

test('connections that are opened at once have no more guesses than others', async () => {
  const authentication = { initiators: [initiator] };
  const limits = { attempts: 3, lockout: 60_000 };
  const directory = new AccessList([{ target: diskOf(1), authentication }]);
  await using served = await serveTarget({ portal: { directory }, authenticationLimits: limits });
  const logins = await Promise.all(Array.from({ length: 5 }, () => ChapLogin.open(served)));
  const asked = await Promise.all(logins.map((login) => login.challenge()));
  for (const [index, login] of logins.entries()) {
    const question = asked[index] ?? assert.fail();
    const who = index < 3 ? { ...initiator, secret: Buffer.from('a guess of somebody') } : initiator;
    assert.equal(
      (await login.prove(question, {}, who)).status,
      LoginStatus.authenticationFailure,
      `guess ${index + 1}`,
    );
  }
});

test('invented names bring one address no further guesses', async () => {
  const authentication = { initiators: [aliceSecret] };
  const limits = { attempts: 3, attemptsPerAddress: 5, lockout: 60_000 };
  const directory = new AccessList([{ target: diskOf(1), authentication }]);
  await using served = await serveTarget({ portal: { directory }, authenticationLimits: limits });
  const right = { initiator: aliceSecret };
  const wrong = { initiator: { ...aliceSecret, secret: bobSecret.secret } };
  for (let attempt = 0; attempt < 5; attempt++) await assert.rejects(logIn(served, wrong, `${bob}-${attempt}`));
  await assert.rejects(logIn(served, right), { code: 'ISCSI_LOGIN_AUTH_FAILED' });
  served.clock.advance(60_000);
  await (await logIn(served, right)).close();
});

test('wrong guesses at all portals of a server are counted together', async () => {
  const directory = new AccessList([{ target: diskOf(1), authentication: { initiators: [aliceSecret] } }]);
  const limits = { attempts: 3, lockout: 60_000 };
  await using served = await serveTarget({ portal: { directory }, authenticationLimits: limits });
  const { network, clock } = served;
  const second = { host: '198.51.100.1', port: 3260 };
  await using _portal = await served.openPortal({ endpoint: { address: second.host, port: second.port } });
  const discoverThere = (initiator: ChapSecret) =>
    new Initiator({ network, clock, initiatorName: alice, chap: { initiator } }).discover(second);
  const refused = { code: 'ISCSI_LOGIN_AUTH_FAILED' };
  const wrong = { ...aliceSecret, secret: bobSecret.secret };
  for (let attempt = 0; attempt < 2; attempt++) await assert.rejects(discoverThere(wrong), refused);
  await assert.rejects(logIn(served, { initiator: wrong }), refused);
  await assert.rejects(discoverThere(aliceSecret), refused, 'even with the right secret');
  await assert.rejects(logIn(served, { initiator: aliceSecret }), refused, 'at either portal');
  clock.advance(60_000);
  assert.equal((await discoverThere(aliceSecret)).length, 1);
});

test('right proof forgives its own name, not its address', () => {
  const limits = { attempts: 3, attemptsPerAddress: 4, lockout: 1000 };
  const failures = new AuthenticationFailures(new SimulatedClock(), limits);
  const mine = failures.limitOf('192.0.2.2', alice);
  for (let attempt = 0; attempt < 4; attempt++) {
    assert.equal(mine.isExhausted(), false);
    mine.failed();
    mine.succeeded();
  }
  assert.equal(mine.isExhausted(), true);
  assert.equal(failures.limitOf('192.0.2.3', alice).isExhausted(), false);
});

test('failures are remembered for a bounded number of initiators', () => {
  const limits = { attempts: 1, attemptsPerAddress: 10_000, lockout: 1000 };
  const failures = new AuthenticationFailures(new SimulatedClock(), limits);
  for (let index = 0; index < 5000; index++) failures.limitOf('192.0.2.2', `name-${index}`).failed();
  assert.equal(failures.limitOf('192.0.2.2', 'name-4999').isExhausted(), true);
  assert.equal(failures.limitOf('192.0.2.2', 'name-0').isExhausted(), false);
});

test('a directory can send initiators elsewhere, for now and for good (RFC 7143 §11.13.5)', async () => {
  for (const permanent of [false, true]) {
    const directory: TargetDirectory = {
      names: () => [],
      find: () => ({ redirectTo: { address: '192.0.2.9', port: 3261 }, permanent }),
    };
    await using served = await serveTarget({ portal: { directory } });
    const initiator = await served.connect();
    const status = await initiator.tryLogin({ targetName: TARGET });
    assert.equal(status, permanent ? LoginStatus.targetMovedPermanently : LoginStatus.targetMovedTemporarily);
    await initiator.closed;
  }
});

test('a redirection names address and port, an IPv6 address in brackets (RFC 7143 §13.8)', async () => {
  for (const [address, shown] of [
    ['192.0.2.9', '192.0.2.9:3261'],
    ['2001:db8::9', '[2001:db8::9]:3261'],
    // RFC 4007 §11.2: the interface is this machine’s own name for the link.
    ['fe80::9%eth0', '[fe80::9]:3261'],
  ] as const) {
    const directory: TargetDirectory = {
      names: () => [],
      find: () => ({ redirectTo: { address, port: 3261 }, permanent: false }),
    };
    await using served = await serveTarget({ portal: { directory } });
    const login = await RawLogin.open(served);
    assert.equal((await login.complete()).keys.get('TargetAddress'), shown);
  }
});

test('a thousand initiators log in at once and none is lost', async () => {
  await using served = await serveTarget();
  const initiators = await Promise.all(Array.from({ length: 1000 }, () => served.connect()));
  await Promise.all(
    initiators.map((initiator, index) =>
      initiator.login({ targetName: TARGET, initiatorName: `iqn.2026-11.internal.test:machine-${index}` }),
    ),
  );
  const results = await Promise.all(initiators.map((initiator) => initiator.run(readOne, { length: BLOCK })));
  assert.ok(results.every(({ status }) => status === Status.good));
  assert.equal(
    new Set([...served.target.sessions].map(({ tsih }) => tsih)).size,
    1000,
    'every session has its own TSIH',
  );
});

test('networks of both families', () => {
  const isIn = (address: string, network: string) => inIpNetwork(address, parseIpNetwork(network));
  assert.ok(isIn('192.0.2.77', '192.0.2.64/26'));
  assert.ok(!isIn('192.0.2.128', '192.0.2.64/26'));
  assert.ok(isIn('203.0.113.1', '0.0.0.0/0'));
  assert.ok(isIn('::ffff:192.0.2.1', '192.0.2.0/24'), 'as an IPv6 socket shows it');
  assert.ok(isIn('2001:db8:0:1::5', '2001:db8::/32'));
  assert.ok(!isIn('2001:db9::', '2001:db8::/32'));
  assert.ok(isIn('fe80::1%eth0', 'fe80::/10'));
  assert.ok(!isIn('192.0.2.1', '::/0'));
  for (const text of [
    '',
    '192.0.2.0/33',
    '192.0.2/24',
    '2001:db8::/129',
    '1::2::3',
    '192.0.2.0/24/1',
    '192.0.2.0/',
    'x',
  ]) {
    assert.throws(() => parseIpNetwork(text), { code: 'ADDRESS_NETWORK_INVALID' }, text);
  }
});

test('a file of CHAP secrets', () => {
  const text =
    '# who\ninitiator alice  correct horse battery\n\ninitiator bob another-secret-of-bob\r\ntarget disk secret-of-the-disk\n';
  const { initiators, target } = parseChapFile(text, 'chap');
  assert.deepEqual(
    [...initiators, target].map((entry) => [entry?.name, Buffer.from(entry?.secret ?? []).toString()]),
    [
      ['alice', 'correct horse battery'],
      ['bob', 'another-secret-of-bob'],
      ['disk', 'secret-of-the-disk'],
    ],
  );
  const secret = 'a-long-enough-secret';
  for (const wrong of [
    '',
    `target disk ${secret}`,
    'initiator alice short',
    `initiator ${secret}`,
    `alice ${secret}`,
    `initiator a ${secret}\ninitiator a ${secret}`,
    `initiator a ${secret}\ntarget b ${secret}`,
    `initiator a ${secret}\ntarget b ${secret}1\ntarget c ${secret}2`,
  ]) {
    assert.throws(
      () => parseChapFile(wrong, 'chap'),
      (error: Error & { code?: string }) => error.code === 'CHAP_FILE_INVALID' && !error.message.includes(secret),
      wrong,
    );
  }
});

test('any text is a file of secrets or an error with a code', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        parseChapFile(text, 'chap');
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'CHAP_FILE_INVALID');
      }
    }),
  );
});
