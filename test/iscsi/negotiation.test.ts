import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ProtocolError } from '../../src/bytes/index.ts';
import { Negotiation } from '../../src/iscsi/negotiation.ts';
import { defaultWishes, TASK_REPORTING, type Wishes } from '../../src/iscsi/parameters.ts';
import { decodeText, encodeText, splitText, TextGatherer } from '../../src/iscsi/text.ts';

describe('text (RFC 7143 §6.1)', () => {
  test('pairs keep their order, their equals signs and unknown keys', () => {
    const pairs = [
      { key: 'InitiatorName', value: 'iqn.2001-04.com.example:a=b' },
      { key: 'X-com.example.key', value: '' },
    ];
    const bytes = encodeText(pairs);
    assert.equal(Buffer.from(bytes).toString(), 'InitiatorName=iqn.2001-04.com.example:a=b\0X-com.example.key=\0');
    assert.deepEqual(decodeText(bytes), pairs);
  });
  test('what is no pair is refused', () => {
    for (const text of ['NoValue\0', '=x\0', '1Key=x\0', `${'K'.repeat(64)}=x\0`]) {
      assert.throws(() => decodeText(Buffer.from(text)), { code: 'ISCSI_TEXT_MALFORMED' });
    }
    assert.throws(() => decodeText(Uint8Array.of(0x41, 0x3d, 0xff, 0)), { code: 'ISCSI_TEXT_MALFORMED' });
  });
  test('a long text crosses segments anywhere and comes together again, up to a bound', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 500 }), fc.integer({ min: 1, max: 100 }), (text, limit) => {
        const segments = splitText(text, limit);
        assert.ok(segments.every((segment) => segment.length <= limit));
        const gatherer = new TextGatherer(500);
        const results = segments.map((segment, i) => gatherer.add([segment], i < segments.length - 1));
        assert.deepEqual(Buffer.from(results.at(-1) ?? []), Buffer.from(text));
      }),
    );
    const gatherer = new TextGatherer(10);
    gatherer.add([new Uint8Array(10)], true);
    assert.throws(() => gatherer.add([new Uint8Array(1)], true), { code: 'ISCSI_TEXT_TOO_LONG' });
  });
  test('what has been gathered does not hold on to the memory that it came in', () => {
    const gatherer = new TextGatherer();
    const received = Buffer.from('Key=value');
    assert.equal(gatherer.add([received.subarray(0, 4)], true), undefined);
    received.fill(0);
    assert.equal(Buffer.from(gatherer.add([Buffer.from('text')], false) ?? []).toString(), 'Key=text');
  });
  test('arbitrary bytes raise nothing but a protocol error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          decodeText(bytes);
        } catch (error) {
          assert.ok(error instanceof ProtocolError);
        }
      }),
    );
  });
});

const wishes = (change: Partial<Wishes> = {}): Wishes => ({ ...defaultWishes, ...change });
const target = (change: Partial<Wishes> = {}) => new Negotiation(wishes(change), 'Normal');

describe('answers (RFC 7143 §6.2, §13)', () => {
  const cases: [key: string, offered: string, own: Partial<Wishes>, answer: string][] = [
    ['HeaderDigest', 'CRC32C,None', {}, 'CRC32C'],
    ['HeaderDigest', 'None,CRC32C', {}, 'None'],
    ['HeaderDigest', 'None', { headerDigest: ['CRC32C'] }, 'Reject'],
    ['InitialR2T', 'No', { initialR2T: false }, 'No'],
    ['InitialR2T', 'No', { initialR2T: true }, 'Yes'],
    ['InitialR2T', 'Yes', { initialR2T: false }, 'Yes'],
    ['ImmediateData', 'Yes', { immediateData: false }, 'No'],
    ['ImmediateData', 'Yes', {}, 'Yes'],
    ['ImmediateData', 'yes', {}, 'Reject'],
    ['MaxBurstLength', '16776192', { maxBurstLength: 1048576 }, '1048576'],
    ['MaxBurstLength', '511', {}, 'Reject'],
    ['MaxBurstLength', '0x1000', {}, '4096'],
    ['FirstBurstLength', '65536', {}, '65536'],
    ['DefaultTime2Wait', '0', { defaultTime2Wait: 2 }, '2'],
    ['DefaultTime2Retain', '20', { defaultTime2Retain: 0 }, '0'],
    ['MaxOutstandingR2T', '8', { maxOutstandingR2T: 4 }, '4'],
    ['MaxConnections', '65536', {}, 'Reject'],
    ['ErrorRecoveryLevel', '2', { errorRecoveryLevel: 0 }, '0'],
    ['DataPDUInOrder', 'No', { dataPDUInOrder: true }, 'Yes'],
    ['TaskReporting', 'FastAbort,RFC3720', {}, 'RFC3720'],
    ['TaskReporting', 'FastAbort,ResponseFence,RFC3720', { taskReporting: 'ResponseFence' }, 'ResponseFence'],
    ['TaskReporting', 'RFC3720,FastAbort', { taskReporting: 'FastAbort' }, 'RFC3720'],
    ['TaskReporting', 'Unheard', { taskReporting: 'FastAbort' }, 'Reject'],
    ['iSCSIProtocolLevel', '2', {}, '1'],
    ['iSCSIProtocolLevel', '31', { iSCSIProtocolLevel: 2 }, '2'],
    ['iSCSIProtocolLevel', '0', { iSCSIProtocolLevel: 2 }, '0'],
    ['iSCSIProtocolLevel', '32', { iSCSIProtocolLevel: 2 }, 'Reject'],
    ['X-com.example.key', 'x', {}, 'NotUnderstood'],
  ];
  for (const [key, offered, own, answer] of cases) {
    test(`${key}=${offered} is answered with ${answer}`, () => {
      assert.deepEqual(target(own).receive({ key, value: offered }), { key, value: answer });
    });
  }

  test('a declaration is not answered and bounds what is sent', () => {
    const negotiation = target();
    assert.equal(negotiation.receive({ key: 'MaxRecvDataSegmentLength', value: '16384' }), undefined);
    assert.equal(negotiation.parameters().maxSendDataSegmentLength, 16384);
  });

  test('keys of data transfer are irrelevant in a discovery session', () => {
    const negotiation = new Negotiation(wishes(), 'Discovery');
    assert.equal(negotiation.receive({ key: 'InitialR2T', value: 'No' })?.value, 'Irrelevant');
    assert.equal(negotiation.receive({ key: 'HeaderDigest', value: 'None' })?.value, 'None');
  });

  test('a key that comes twice is refused', () => {
    const negotiation = target();
    negotiation.receive({ key: 'ImmediateData', value: 'Yes' });
    assert.throws(() => negotiation.receive({ key: 'ImmediateData', value: 'Yes' }), { code: 'ISCSI_KEY_REPEATED' });
  });

  test('an answer that the rule does not allow is refused', () => {
    const cheats = [
      { key: 'MaxBurstLength', value: '99999999' },
      { key: 'MaxBurstLength', value: '16776192' },
      { key: 'ErrorRecoveryLevel', value: '1' },
      { key: 'HeaderDigest', value: 'MD5' },
      { key: 'InitialR2T', value: 'Perhaps' },
    ];
    for (const cheat of cheats) {
      const initiator = target();
      initiator.offers();
      assert.throws(() => initiator.receive(cheat), { code: 'ISCSI_KEY_INVALID' }, cheat.key);
    }
  });

  test('younger keys are offered by who wants more than their defaults, with every lesser value (§13.23)', () => {
    const offersOf = (own: Partial<Wishes>): unknown =>
      new Negotiation(wishes(own), 'Normal')
        .offers()
        .filter(({ key }) => /^(TaskReporting|iSCSIProtocolLevel)$/.test(key));
    assert.deepEqual(offersOf({}), []);
    assert.deepEqual(offersOf({ taskReporting: 'FastAbort', iSCSIProtocolLevel: 2 }), [
      { key: 'TaskReporting', value: 'FastAbort,ResponseFence,RFC3720' },
      { key: 'iSCSIProtocolLevel', value: '2' },
    ]);
  });

  for (const answer of ['NotUnderstood', 'Reject', 'Irrelevant']) {
    test(`younger keys that are answered with ${answer} stay at their defaults (RFC 7144 §7.1.1)`, () => {
      const initiator = target({ taskReporting: 'FastAbort', iSCSIProtocolLevel: 2 });
      initiator.offers();
      for (const key of ['TaskReporting', 'iSCSIProtocolLevel']) initiator.receive({ key, value: answer });
      const { taskReporting, iSCSIProtocolLevel } = initiator.parameters();
      assert.deepEqual({ taskReporting, iSCSIProtocolLevel }, { taskReporting: 'RFC3720', iSCSIProtocolLevel: 1 });
    });
  }

  test('NotUnderstood for a key that every implementation knows breaks the protocol (§6.2)', () => {
    for (const key of ['HeaderDigest', 'MaxConnections', 'InitialR2T', 'DefaultTime2Wait', 'ErrorRecoveryLevel']) {
      const initiator = target();
      initiator.offers();
      assert.throws(() => initiator.receive({ key, value: 'NotUnderstood' }), { code: 'ISCSI_KEY_INVALID' }, key);
    }
  });

  test('FirstBurstLength never exceeds MaxBurstLength (§13.14)', () => {
    const negotiation = target();
    negotiation.receive({ key: 'MaxBurstLength', value: '512' });
    negotiation.receive({ key: 'FirstBurstLength', value: '65536' });
    assert.equal(negotiation.parameters().firstBurstLength, 512);
  });
});

const digests = fc.constantFrom<readonly ('None' | 'CRC32C')[]>(['None'], ['CRC32C', 'None'], ['None', 'CRC32C']);
const anyWishes: fc.Arbitrary<Wishes> = fc.record({
  headerDigest: digests,
  dataDigest: digests,
  maxConnections: fc.integer({ min: 1, max: 8 }),
  initialR2T: fc.boolean(),
  immediateData: fc.boolean(),
  maxRecvDataSegmentLength: fc.integer({ min: 512, max: 0xffffff }),
  maxBurstLength: fc.integer({ min: 512, max: 0xffffff }),
  firstBurstLength: fc.integer({ min: 512, max: 0xffffff }),
  defaultTime2Wait: fc.nat(3600),
  defaultTime2Retain: fc.nat(3600),
  maxOutstandingR2T: fc.integer({ min: 1, max: 65535 }),
  dataPDUInOrder: fc.boolean(),
  dataSequenceInOrder: fc.boolean(),
  errorRecoveryLevel: fc.nat(2),
  taskReporting: fc.constantFrom(...TASK_REPORTING),
  iSCSIProtocolLevel: fc.nat(2),
});

test('whatever two sides wish for, both arrive at the same parameters', () => {
  fc.assert(
    fc.property(anyWishes, anyWishes, (left, right) => {
      const initiator = new Negotiation(left, 'Normal');
      const answering = new Negotiation(right, 'Normal');
      for (const offer of initiator.offers()) {
        const answer = answering.receive(offer);
        if (answer !== undefined) initiator.receive(answer);
      }
      const declaration = answering.declaration();
      if (declaration !== undefined) initiator.receive(declaration);
      const { maxSendDataSegmentLength, maxRecvDataSegmentLength, ...agreed } = initiator.parameters();
      const other = answering.parameters();
      assert.deepEqual(
        {
          ...agreed,
          maxSendDataSegmentLength: maxRecvDataSegmentLength,
          maxRecvDataSegmentLength: maxSendDataSegmentLength,
        },
        other,
      );
      assert.equal(other.maxSendDataSegmentLength, left.maxRecvDataSegmentLength);
    }),
  );
});
