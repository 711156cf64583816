/** Every status that a login can end with (RFC 7143 §11.13.5), each by a login that has it for its cause. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Opcode } from '../../../src/iscsi/opcode.ts';
import { LoginStatus, NopOut } from '../../../src/iscsi/pdu.ts';
import type { Found } from '../../../src/target/directory.ts';
import { oneWay } from '../chap/chap-login.ts';
import { type Keys, type LoginFields, type LoginReply, names, RawLogin, SECURITY } from '../raw-login.ts';
import { type ServedTarget, type ServedTargetOptions, serveTarget } from '../served-target.ts';

interface Refusal {
  readonly served?: ServedTargetOptions;
  /** Who is there already. */
  readonly before?: (served: ServedTarget) => Promise<unknown>;
  readonly keys?: Keys;
  readonly fields?: LoginFields;
  /** Instead of one Login Request. */
  readonly play?: (login: RawLogin) => Promise<LoginReply | undefined>;
  /** What the owner learns. */
  readonly told: RegExp;
}

/** A portal whose directory answers this for every target. */
const finding = (find: () => Found): ServedTargetOptions => ({ portal: { directory: { names: () => [], find } } });

const elsewhere = { address: '192.0.2.9', port: 3260 };

const refusals: Partial<Record<keyof typeof LoginStatus, Refusal>> = {
  targetMovedTemporarily: {
    served: finding(() => ({ redirectTo: elsewhere, permanent: false })),
    told: /192\.0\.2\.9/,
  },
  targetMovedPermanently: { served: finding(() => ({ redirectTo: elsewhere, permanent: true })), told: /192\.0\.2\.9/ },
  initiatorError: { keys: { ...names, InitiatorName: 'me' }, told: /no iSCSI name/ },
  authenticationFailure: { served: { authentication: oneWay }, told: /CHAP/ },
  notFound: { keys: { ...names, TargetName: 'iqn.2026-11.internal.test:other' }, told: /there is no target/ },
  targetRemoved: { served: finding(() => ({ removed: 'its disk was given away' })), told: /removed: its disk was/ },
  unsupportedVersion: { fields: { versionMin: 1, versionMax: 1 }, told: /version 1/ },
  tooManyConnections: {
    before: async (served) => new RawLogin(await served.connect()).complete(),
    fields: { tsih: 1, cid: 2 },
    told: /1 connections/,
  },
  missingParameter: { keys: { InitiatorName: names.InitiatorName }, told: /needs a TargetName/ },
  sessionTypeNotSupported: { keys: { ...names, SessionType: 'Boot' }, told: /SessionType=Boot/ },
  sessionDoesNotExist: { fields: { tsih: 99 }, told: /session 99/ },
  invalidDuringLogin: {
    play: async (login) => {
      await login.request(names);
      login.raw.send(NopOut.encode({ opcode: Opcode.nopOut, final: true, initiatorTaskTag: 1 }));
      return login.reply();
    },
    told: /only Login Requests/,
  },
  targetError: {
    served: {
      authentication: oneWay,
      portal: {
        random: () => {
          throw new Error('no randomness is left');
        },
      },
    },
    play: async (login) => {
      await login.request({ ...names, AuthMethod: 'CHAP' }, { stage: SECURITY });
      return login.ask({ CHAP_A: '5' }, { stage: SECURITY });
    },
    told: /no randomness is left/,
  },
  serviceUnavailable: {
    served: finding(() => {
      throw new Error('the disk is full');
    }),
    told: /the disk is full/,
  },
  outOfResources: {
    served: { portal: { maximumSessions: 1 } },
    before: async (served) => served.login({}, { isid: '800000000002' }),
    told: /1 sessions already/,
  },
};

/** docs/rfc/7143.md says why. */
const neverSent = ['authorizationFailure', 'cannotIncludeInSession'];

describe('every status has its cause, and ends the connection', () => {
  for (const [name, refusal] of Object.entries(refusals)) {
    const status = LoginStatus[name as keyof typeof LoginStatus];
    test(`${status.toString(16).padStart(4, '0')}h ${name}`, async () => {
      await using served = await serveTarget(refusal.served);
      await refusal.before?.(served);
      const login = await RawLogin.open(served);
      const { keys = names, fields = {}, play = (one: RawLogin) => one.complete(keys, fields) } = refusal;
      const reply = await play(login);
      assert.equal(reply?.status, status);
      assert.equal(await login.raw.next(), undefined, 'nothing follows');
      await login.raw.closed;
      const told = served.events.flatMap((event) => (event.kind === 'login failed' ? [event] : []));
      assert.deepEqual(
        told.map((event) => event.status),
        [status],
      );
      assert.match(told[0]?.error.message ?? '', refusal.told);
    });
  }

  test('none is left out', () => {
    const shown = ['success', ...Object.keys(refusals), ...neverSent];
    assert.deepEqual(shown.toSorted(), Object.keys(LoginStatus).toSorted());
  });
});

test('a discovery that cannot be served is unavailable, as a target would be', async () => {
  const identities = (): never => {
    throw new Error('the secrets cannot be read');
  };
  await using served = await serveTarget({
    portal: { directory: { ...{ names: () => [], find: () => undefined }, identities } },
  });
  const login = await RawLogin.open(served);
  const { status } = await login.complete({ InitiatorName: names.InitiatorName, SessionType: 'Discovery' });
  assert.equal(status, LoginStatus.serviceUnavailable);
});
