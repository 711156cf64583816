/** A storm of logins that stop halfway: what they hold until the login timeout, which ends them all. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DisklessError } from '../../src/bytes/index.ts';
import type { TargetDirectory } from '../../src/target/directory.ts';
import { TARGET_STEP_LIMIT } from '../../src/target/login-time.ts';
import { memoryInUse } from '../fuzz/memory-in-use.ts';
import { settled } from '../support/simulated-clock.ts';
import { FULL, names, OPERATIONAL, RawLogin, SECURITY } from './raw-login.ts';
import { type ServedTarget, type ServedTargetOptions, serveTarget, TARGET } from './served-target.ts';

const CONNECTIONS = 1000;
/** Milliseconds that an initiator has. */
const LOGIN_TIMEOUT = 15_000;
/** Bytes of a data segment, and of a text of several, until the login is over. */
const [SEGMENT, TEXT] = [8192, 65_536];
/** What the line holds of what is not taken. */
const LINE = 65_536;
/**
 * Bytes that a connection may hold beside what it has sent: the slab of its headers, its objects, and those of its initiator, which
 * are in the same process.
 */
const OWN = 32 << 10;

const authentication = { initiators: [{ name: 'machine', secret: Buffer.from('a secret of machines') }] };
/** Never finds what it is asked for, and says when all are waiting for it. */
const allWait = Promise.withResolvers<void>();
let waiting = 0;
const silent: TargetDirectory = {
  names: () => [TARGET],
  find: () => {
    waiting += 1;
    if (waiting === CONNECTIONS) allWait.resolve();
    return new Promise(() => {});
  },
};
const full = Buffer.alloc(SEGMENT, 'X-key=some-value\0');

async function challenge(login: RawLogin): Promise<void> {
  await login.request({ ...names, AuthMethod: 'CHAP' }, { stage: SECURITY });
  const { keys } = await login.request({ CHAP_A: '5' }, { stage: SECURITY });
  assert.ok(keys.has('CHAP_C'));
}

async function longText(login: RawLogin): Promise<void> {
  for (let length = 0; length < TEXT; length += SEGMENT) {
    assert.equal((await login.request(full, { stage: OPERATIONAL, more: true })).status, 0);
  }
}

async function requestsInAdvance(login: RawLogin): Promise<void> {
  login.send(names, { stage: OPERATIONAL });
  await allWait.promise;
  for (let round = 0; round < 4; round++) {
    while (login.raw.tcp.bufferedBytes < LINE) login.send(full, { stage: OPERATIONAL });
    await settled();
  }
}

interface Halfway {
  /** How a login begins. */
  readonly begin: (login: RawLogin) => Promise<void> | void;
  /** Bytes of its own that it makes the target hold. */
  readonly sent: number;
  /** Milliseconds until it is ended. Default: what an initiator has. */
  readonly limit?: number;
  readonly options?: ServedTargetOptions;
}

for (const [name, { begin, sent, limit = LOGIN_TIMEOUT, options }] of Object.entries<Halfway>({
  'with nothing': { begin: () => {}, sent: 0 },
  'in a header': { begin: ({ raw }) => raw.sendBytes(Buffer.of(0x43, 0x87)), sent: 2 },
  'before the last byte of a request': {
    begin: ({ raw }) =>
      raw.sendBytes(Buffer.concat([Buffer.from('4300000000002000', 'hex'), Buffer.alloc(SEGMENT + 39)])),
    sent: 48 + SEGMENT,
  },
  'between the stages': {
    begin: async (login) => void (await login.request(names, { stage: SECURITY, to: OPERATIONAL })),
    sent: 0,
  },
  'before the answer to a challenge': { begin: challenge, sent: 0, options: { authentication } },
  'before the end of a text as long as may be': { begin: longText, sent: TEXT },
  'while a target is looked up, with more requests sent in advance': {
    begin: requestsInAdvance,
    sent: 2 * LINE,
    limit: TARGET_STEP_LIMIT,
    options: { portal: { directory: silent } },
  },
})) {
  test(`a thousand logins that stop ${name} hold no more than their bound, and end by the login timeout`, async () => {
    await using served = await serveTarget({ ...options, line: { window: LINE } });
    const before = await memoryAtRest();
    const logins = await Promise.all(Array.from({ length: CONNECTIONS }, () => beginLogin(served, begin)));
    const each = ((await memoryAtRest()) - before) / CONNECTIONS;
    assert.ok(each <= OWN + sent, `${each} bytes of each connection, of ${OWN + sent}`);
    assert.equal(served.clock.pending, CONNECTIONS, 'each has its timeout');

    served.clock.advance(limit - 1);
    await settled();
    assert.equal(timedOut(served), 0);
    served.clock.advance(1);
    await Promise.all(logins.map(({ raw }) => raw.closed));
    await settled();
    assert.equal(timedOut(served), CONNECTIONS);
    assert.equal(served.clock.pending, 0);
    assert.equal(served.target.sessions.size, 0);
  });
}

/** A login to a target that is looked up until `ready` is called. */
async function lateTarget() {
  const { promise, resolve: ready } = Promise.withResolvers<void>();
  const directory: TargetDirectory = {
    names: () => [TARGET],
    find: async () => {
      await promise;
      return served.target;
    },
  };
  const served: ServedTarget = await serveTarget({ portal: { directory } });
  return { served, login: await RawLogin.open(served), ready };
}

test('an initiator has its whole time beside what the target takes to get its disk ready, and no more', async () => {
  const { served, login, ready } = await lateTarget();
  await using _served = served;
  served.clock.advance(LOGIN_TIMEOUT - 2);
  login.send(names, { stage: SECURITY, to: OPERATIONAL });
  await settled();
  served.clock.advance(TARGET_STEP_LIMIT - 1);
  ready();
  assert.equal((await login.reply())?.status, 0);

  served.clock.advance(1);
  await settled();
  assert.equal(timedOut(served), 0);
  served.clock.advance(1);
  await login.raw.closed;
  assert.equal(timedOut(served), 1);
});

test('a login that is over by time stays so when its disk gets ready the moment after', async () => {
  const { served, login, ready } = await lateTarget();
  await using _served = served;
  login.send(names, { stage: OPERATIONAL, to: FULL });
  await settled();
  served.clock.advance(TARGET_STEP_LIMIT);
  ready();
  await login.raw.closed;
  await settled();
  assert.equal(timedOut(served), 1);
  assert.ok(!served.events.some(({ kind }) => kind === 'login'));
  assert.equal(served.clock.pending, 0);
});

/** What is in use when all that is over has gone: some of it only after a collection and another turn of the loop. */
async function memoryAtRest(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    await settled();
    memoryInUse();
  }
  return memoryInUse();
}

async function beginLogin(served: ServedTarget, begin: Halfway['begin']): Promise<RawLogin> {
  const login = await RawLogin.open(served);
  await begin(login);
  return login;
}

function timedOut({ events }: ServedTarget): number {
  const failures = events.flatMap((event) => (event.kind === 'login failed' ? event.error : []));
  return failures.filter((error) => error instanceof DisklessError && error.code === 'ISCSI_LOGIN_TIMEOUT').length;
}
