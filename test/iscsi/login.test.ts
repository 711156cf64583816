import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { InitiatorLogin, type InitiatorLoginOptions } from '../../src/iscsi/initiator-login.ts';
import { Opcode } from '../../src/iscsi/opcode.ts';
import { defaultWishes } from '../../src/iscsi/parameters.ts';
import { LoginRequest, LoginResponse, LoginStatus } from '../../src/iscsi/pdu.ts';
import { type Pdu, PduReader } from '../../src/iscsi/pdu-reader.ts';
import { type Admission, type LoginStep, TargetLogin } from '../../src/iscsi/target-login.ts';
import { decodeText, encodeText, type TextPair } from '../../src/iscsi/text.ts';

const initiatorName = 'iqn.2001-04.com.example:host';
const targetName = 'iqn.2001-04.com.example:disk';
const accept: Admission = { kind: 'accept', tsih: 7, commandWindow: 64 };

function pduOf(bytes: Uint8Array): Pdu {
  const reader = new PduReader({ maxDataSegmentLength: 8192, headerDigest: false, dataDigest: false });
  reader.push(bytes);
  const pdu = reader.next();
  assert.ok(pdu !== undefined);
  return pdu;
}

function initiator(change: Partial<InitiatorLoginOptions> = {}): InitiatorLogin {
  return new InitiatorLogin({
    sessionType: 'Normal',
    initiatorName,
    targetName,
    isid: Buffer.from('800000000001', 'hex'),
    tsih: 0,
    cid: 3,
    initiatorTaskTag: 1,
    cmdSN: 100,
    wishes: defaultWishes,
    ...change,
  });
}

const target = (): TargetLogin => new TargetLogin({ wishes: defaultWishes, portalGroupTag: 1, random: randomBytes });

/** Runs both machines against each other until one of them is done. */
function converse(from: InitiatorLogin, to: TargetLogin, admission: Admission) {
  let request: Uint8Array | undefined = from.start();
  for (;;) {
    let step: LoginStep = to.receive(pduOf(request));
    if (step.outcome.kind === 'identified') step = to.admit(admission);
    const response = step.send[0];
    assert.ok(response !== undefined, 'every request is answered');
    const next = from.receive(pduOf(response));
    if (next.send === undefined) return { target: step.outcome, initiator: next.outcome };
    request = next.send;
  }
}

interface RequestFields {
  readonly stage?: number;
  readonly next?: number;
  readonly transit?: boolean;
  readonly more?: boolean;
  readonly isid?: string;
  readonly tsih?: number;
  readonly tag?: number;
  readonly versionMin?: number;
}

function request(pairs: readonly TextPair[] | Uint8Array, fields: RequestFields = {}): Pdu {
  const data = pairs instanceof Uint8Array ? pairs : encodeText(pairs);
  const header = LoginRequest.encode({
    opcode: Opcode.loginRequest,
    immediate: true,
    transit: fields.transit ?? false,
    continue: fields.more ?? false,
    currentStage: fields.stage ?? 1,
    nextStage: fields.next ?? (fields.transit ? 3 : 0),
    versionMin: fields.versionMin ?? 0,
    isid: Buffer.from(fields.isid ?? '800000000001', 'hex'),
    tsih: fields.tsih ?? 0,
    initiatorTaskTag: fields.tag ?? 1,
    cmdSN: 100,
    dataSegmentLength: data.length,
  });
  return { header, ahs: new Uint8Array(0), data: [data], dataLength: data.length, dataDigestOk: true };
}

const names: TextPair[] = [
  { key: 'InitiatorName', value: initiatorName },
  { key: 'TargetName', value: targetName },
];

/** Sends requests one after the other; the last step. */
function replay(requests: readonly Pdu[], admission: Admission = accept): LoginStep {
  const machine = target();
  let step: LoginStep | undefined;
  for (const pdu of requests) {
    step = machine.receive(pdu);
    if (step.outcome.kind === 'identified') step = machine.admit(admission);
  }
  assert.ok(step !== undefined);
  return step;
}

function status(step: LoginStep): number | undefined {
  const response = LoginResponse.view(step.send[0] ?? new Uint8Array(0));
  return step.outcome.kind === 'failed' ? (response.statusClass << 8) | response.statusDetail : undefined;
}

describe('both sides together', () => {
  test('a normal session is agreed upon', () => {
    const ends = converse(initiator(), target(), accept);
    assert.equal(ends.initiator.kind, 'complete');
    assert.equal(ends.target.kind, 'complete');
    if (ends.initiator.kind !== 'complete' || ends.target.kind !== 'complete') return;
    assert.deepEqual(ends.initiator.parameters, ends.target.parameters);
    assert.equal(ends.initiator.tsih, 7);
    assert.equal(ends.initiator.targetPortalGroupTag, 1);
    assert.deepEqual([ends.initiator.expCmdSN, ends.initiator.maxCmdSN], [100, 163]);
    assert.equal(ends.initiator.expStatSN, ends.target.statSN);
    assert.equal(ends.target.identity.targetName, targetName);
  });

  test('a discovery session needs no target name', () => {
    const machine = new InitiatorLogin({
      sessionType: 'Discovery',
      initiatorName,
      isid: Buffer.alloc(6),
      tsih: 0,
      cid: 0,
      initiatorTaskTag: 0,
      cmdSN: 1,
      wishes: defaultWishes,
    });
    const ends = converse(machine, target(), accept);
    assert.equal(ends.initiator.kind, 'complete');
    assert.equal(ends.target.kind === 'complete' && ends.target.identity.sessionType, 'Discovery');
  });

  test('a redirect names the other address', () => {
    const ends = converse(initiator(), target(), { kind: 'redirect', address: '192.0.2.9:3261', permanent: false });
    assert.deepEqual(ends.initiator, { kind: 'redirected', address: '192.0.2.9:3261', permanent: false });
  });

  test('a refusal tells the client its cause', () => {
    const ends = converse(initiator(), target(), {
      kind: 'refuse',
      status: LoginStatus.notFound,
      reason: 'no such target',
    });
    assert.equal(ends.initiator.kind === 'failed' && ends.initiator.error.code, 'ISCSI_TARGET_NOT_FOUND');
  });

  test('a target that insists on a digest gets it', () => {
    const strict = new TargetLogin({
      wishes: { ...defaultWishes, headerDigest: ['CRC32C'] },
      portalGroupTag: 1,
      random: randomBytes,
    });
    const ends = converse(initiator(), strict, accept);
    assert.equal(ends.initiator.kind === 'complete' && ends.initiator.parameters.headerDigest, true);
  });
});

describe('the target refuses, with the status that RFC 7143 §11.13.5 names', () => {
  const op: TextPair[] = [...names, { key: 'ImmediateData', value: 'Yes' }];
  const refusals: [what: string, requests: Pdu[], status: number][] = [
    ['no InitiatorName', [request([{ key: 'TargetName', value: targetName }])], LoginStatus.missingParameter],
    ['a normal session without TargetName', [request(names.slice(0, 1))], LoginStatus.missingParameter],
    [
      'an unknown SessionType',
      [request([...names, { key: 'SessionType', value: 'Boot' }])],
      LoginStatus.sessionTypeNotSupported,
    ],
    ['a newer version only', [request(names, { versionMin: 1 })], LoginStatus.unsupportedVersion],
    ['T and C together (§11.12.2)', [request(names, { transit: true, more: true })], LoginStatus.initiatorError],
    ['a transition backwards', [request(names, { transit: true, next: 1 })], LoginStatus.initiatorError],
    ['stage 2, which does not exist', [request(names, { stage: 2 })], LoginStatus.initiatorError],
    ['a key twice (§6.3)', [request(op), request([{ key: 'ImmediateData', value: 'No' }])], LoginStatus.initiatorError],
    ['an operational key in the security stage', [request(op, { stage: 0 })], LoginStatus.initiatorError],
    [
      "a key that is the target's",
      [request([...names, { key: 'TargetPortalGroupTag', value: '1' }])],
      LoginStatus.initiatorError,
    ],
    ['another ISID in the middle', [request(names), request([], { isid: '800000000002' })], LoginStatus.initiatorError],
    ['another task tag in the middle', [request(names), request([], { tag: 2 })], LoginStatus.initiatorError],
    ['text that is no text', [request(Buffer.from('rubbish'))], LoginStatus.initiatorError],
    [
      'CHAP alone when there are no credentials',
      [request([...names, { key: 'AuthMethod', value: 'CHAP' }], { stage: 0 })],
      LoginStatus.authenticationFailure,
    ],
    [
      'a login without end',
      Array.from({ length: 65 }, (_, i) => request(i === 0 ? names : [])),
      LoginStatus.initiatorError,
    ],
  ];
  for (const [what, requests, expected] of refusals) {
    test(what, () => assert.equal(status(replay(requests)), expected));
  }

  test('another PDU than a Login Request', () => {
    const pdu = request(names);
    pdu.header[0] = 0x40;
    assert.equal(status(replay([request(names), pdu])), LoginStatus.invalidDuringLogin);
    // Before the login has begun, there is nothing to answer (RFC 7143 §4.2.4).
    const { send, outcome } = replay([pdu]);
    assert.deepEqual([send, outcome.kind], [[], 'failed']);
  });
});

describe('details', () => {
  test('the first response names the portal group (§13.9)', () => {
    const step = replay([request(names, { transit: true })]);
    const data = Buffer.from(step.send[0] ?? []).subarray(48);
    assert.ok(decodeText(data).some(({ key, value }) => key === 'TargetPortalGroupTag' && value === '1'));
    assert.equal(step.outcome.kind, 'complete');
  });

  test('a text over several requests is answered once it is whole (§6.2)', () => {
    const text = encodeText([...names, { key: 'MaxBurstLength', value: '65536' }]);
    const machine = target();
    const first = machine.receive(request(text.subarray(0, 40), { more: true }));
    assert.equal(first.outcome.kind, 'continue');
    assert.equal(first.send[0]?.length, 48);
    machine.receive(request(text.subarray(40), { transit: true }));
    const last = machine.admit(accept);
    assert.equal(last.outcome.kind === 'complete' && last.outcome.parameters.maxBurstLength, 65536);
  });

  test('an answer too long for one response comes in several (§6.2)', () => {
    const unknown = Array.from({ length: 200 }, (_, i) => ({ key: `X-com.example.${'k'.repeat(40)}.${i}`, value: '' }));
    const machine = target();
    machine.receive(request(encodeText([...names, ...unknown]), { transit: true }));
    const answers: Uint8Array[] = [];
    let step = machine.admit(accept);
    while (step.outcome.kind === 'continue') {
      answers.push(
        Buffer.from(step.send[0] ?? []).subarray(
          48,
          48 + LoginResponse.view(step.send[0] ?? new Uint8Array()).dataSegmentLength,
        ),
      );
      assert.equal(LoginResponse.view(step.send[0] ?? new Uint8Array()).continue, true);
      step = machine.receive(request([], { transit: true }));
    }
    assert.equal(step.outcome.kind, 'complete');
    const last = step.send[0] ?? new Uint8Array();
    answers.push(last.subarray(48, 48 + LoginResponse.view(last).dataSegmentLength));
    const pairs = decodeText(Buffer.concat(answers));
    assert.equal(pairs.filter(({ value }) => value === 'NotUnderstood').length, 200);
  });

  test('withdrawn keys are not "not understood" (§13.25)', () => {
    const step = replay([request([...names, { key: 'IFMarker', value: 'No' }, { key: 'OFMarkInt', value: '2048' }])]);
    const pairs = decodeText(Buffer.from(step.send[0] ?? []).subarray(48));
    assert.equal(pairs.find(({ key }) => key === 'IFMarker')?.value, 'No');
    assert.equal(pairs.find(({ key }) => key === 'OFMarkInt')?.value, 'Reject');
  });

  test('arbitrary requests end in an answer, never in a crash', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.uint8Array({ minLength: 48, maxLength: 48 }), fc.uint8Array({ maxLength: 120 })), {
          maxLength: 5,
        }),
        (pdus) => {
          const machine = target();
          for (const [header, data] of pdus) {
            header[0] = 0x43;
            const step = machine.receive({
              header,
              ahs: new Uint8Array(0),
              data: [data],
              dataLength: data.length,
              dataDigestOk: true,
            });
            if (step.outcome.kind === 'identified') machine.admit(accept);
            if (step.outcome.kind === 'failed') break;
          }
        },
      ),
    );
  });
});

describe('CHAP in the login (RFC 7143 §12.1)', () => {
  const credentials = {
    initiator: { name: '0xhost', secret: Buffer.from('a secret of the host') },
    target: { name: 'disk', secret: Buffer.from('a secret of the disk') },
  };
  const guarded: Admission = {
    ...accept,
    authentication: { initiators: [credentials.initiator], target: credentials.target },
  };
  const authentication = { credentials, random: randomBytes };

  test('mutual CHAP lets the right initiator in', () => {
    const ends = converse(initiator({ authentication }), target(), guarded);
    assert.equal(ends.target.kind, 'complete');
    assert.equal(ends.initiator.kind, 'complete');
  });
  test('a wrong secret is refused with 0201h', () => {
    const wrong = { ...credentials, initiator: { name: '0xhost', secret: Buffer.from('guess') } };
    const ends = converse(initiator({ authentication: { ...authentication, credentials: wrong } }), target(), guarded);
    assert.equal(ends.target.kind === 'failed' && ends.target.status, LoginStatus.authenticationFailure);
    assert.equal(ends.initiator.kind === 'failed' && ends.initiator.error.code, 'ISCSI_LOGIN_AUTH_FAILED');
  });
  test('an initiator without credentials, or one that skips the stage, is refused', () => {
    const ends = converse(initiator(), target(), guarded);
    assert.equal(ends.target.kind === 'failed' && ends.target.status, LoginStatus.authenticationFailure);
    const skips = replay([request(names, { transit: true })], guarded);
    assert.equal(status(skips), LoginStatus.authenticationFailure);
    const silent = replay([request(names, { stage: 0, next: 1, transit: true })], guarded);
    assert.equal(status(silent), LoginStatus.authenticationFailure);
  });
  test('an initiator that wants proof does not go on without it', () => {
    const ends = converse(initiator({ authentication }), target(), accept);
    assert.notEqual(ends.initiator.kind, 'complete');
    const { target: _, ...oneWay } = credentials;
    const free = converse(initiator({ authentication: { ...authentication, credentials: oneWay } }), target(), accept);
    assert.equal(free.initiator.kind, 'complete');
  });
});

test('a refusal carries the tag of the request that it refuses (RFC 7143 §11.13, §11.2.1.8)', () => {
  const nop = { ...request(names, { tag: 5 }) };
  nop.header[0] = Opcode.nopOut;
  for (const requests of [
    [request(names, { tag: 4 }), nop],
    [request(names, { tag: 4 }), request([], { tag: 5 })],
  ]) {
    const [response] = replay(requests).send;
    assert.ok(response !== undefined);
    const { initiatorTaskTag, statusClass } = LoginResponse.view(response);
    assert.deepEqual({ initiatorTaskTag, statusClass }, { initiatorTaskTag: 5, statusClass: 2 });
  }
});
