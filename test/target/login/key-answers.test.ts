/**
 * What the target answers to each operational key: legal values, values at the bounds and beyond them, and what is no value at all
 * (RFC 7143 §6.2, §13). `undefined`: nothing, as for declarations. A number: the login ends with that status.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LoginStatus } from '../../../src/iscsi/pdu.ts';
import { names, RawLogin } from '../raw-login.ts';
import { serveTarget } from '../served-target.ts';

const refused = LoginStatus.initiatorError;
type Answer = string | number | undefined;

/** A whole number between bounds, of which the target would like `own`. */
function bounded(minimum: number, maximum: number, own: number, result: 'minimum' | 'maximum'): [string, Answer][] {
  const pick = result === 'minimum' ? Math.min : Math.max;
  const answer = (value: number): [string, Answer] => [String(value), String(pick(value, own))];
  return [
    answer(minimum),
    answer(own),
    answer(maximum),
    [`0x${maximum.toString(16)}`, String(pick(maximum, own))],
    [`0X${own.toString(16).toUpperCase()}`, String(own)],
    [String(maximum + 1), 'Reject'],
    ...(minimum > 0 ? ([[String(minimum - 1), 'Reject']] as [string, Answer][]) : []),
    ['-1', 'Reject'],
    ['', 'Reject'],
    ['many', 'Reject'],
    ['1.5', 'Reject'],
    [`0${own === 0 ? 1 : own}`, 'Reject'], // RFC 7143 §6.1: a decimal constant does not begin with 0
    ['18446744073709551616', 'Reject'],
    [`${own},${own}`, 'Reject'],
    [`${minimum}~${maximum}`, 'Reject'],
  ];
}

const notBoolean: [string, Answer][] = ['yes', 'NO', '', '1', 'Maybe', 'Yes,No'].map((value) => [value, 'Reject']);
const digest: [string, Answer][] = [
  ['None', 'None'],
  ['CRC32C', 'CRC32C'],
  ['None,CRC32C', 'None'],
  ['CRC32C,None', 'CRC32C'],
  ['Y-com.example.sum,CRC32C', 'CRC32C'],
  ['crc32c,None', 'None'],
  ['CRC32', 'Reject'],
  ['', 'Reject'],
];

const cases: Record<string, [value: string, answer: Answer][]> = {
  HeaderDigest: digest,
  DataDigest: digest,
  MaxConnections: bounded(1, 65_535, 4, 'minimum'),
  InitialR2T: [['Yes', 'Yes'], ['No', 'No'], ...notBoolean],
  ImmediateData: [['Yes', 'Yes'], ['No', 'No'], ...notBoolean],
  MaxBurstLength: bounded(512, 0xff_ffff, 1_048_576, 'minimum'),
  FirstBurstLength: bounded(512, 0xff_ffff, 65_536, 'minimum'),
  DefaultTime2Wait: bounded(0, 3600, 2, 'maximum'),
  DefaultTime2Retain: bounded(0, 3600, 20, 'minimum'),
  MaxOutstandingR2T: bounded(1, 65_535, 4, 'minimum'),
  DataPDUInOrder: [['Yes', 'Yes'], ['No', 'Yes'], ...notBoolean],
  DataSequenceInOrder: [['Yes', 'Yes'], ['No', 'Yes'], ...notBoolean],
  ErrorRecoveryLevel: bounded(0, 2, 2, 'minimum'),
  TaskReporting: [
    ['RFC3720', 'RFC3720'],
    ['ResponseFence', 'ResponseFence'],
    ['FastAbort', 'FastAbort'],
    ['RFC3720,ResponseFence', 'RFC3720'],
    ['FastAbort,ResponseFence,RFC3720', 'FastAbort'],
    ['X-com.example.faster,ResponseFence', 'ResponseFence'],
    ['fastabort', 'Reject'],
    ['', 'Reject'],
  ],
  iSCSIProtocolLevel: bounded(0, 31, 2, 'minimum'),
  MaxRecvDataSegmentLength: [
    // Not answered: what comes back is the target's own declaration, whatever was said.
    ['512', '262144'],
    ['8192', '262144'],
    ['0x40000', '262144'],
    ['16777215', '262144'],
    // RFC 7143 §7.12: a declaration that cannot be accepted is a failure of the login.
    ['511', refused],
    ['16777216', refused],
    ['all', refused],
  ],
  InitiatorAlias: [
    ['Web Server 4', undefined],
    ['Prüfstand ☃', undefined],
    ['', undefined],
  ],
  'X#NodeArchitecture': [
    ['ExampleOS/v1234,ExampleInc_SW_Initiator/1.05a', undefined],
    ['None', undefined],
  ],
  // RFC 7143 §13.25: "No" is one of the two answers that are allowed.
  IFMarker: [
    ['Yes', 'No'],
    ['No', 'No'],
  ],
  OFMarker: [
    ['Yes', 'No'],
    ['No', 'No'],
  ],
  IFMarkInt: [['2048~8192', 'Reject']],
  OFMarkInt: [['2048', 'Reject']],
  'X-com.example.vendor.key': [['anything', 'NotUnderstood']],
  RDMAExtensions: [['Yes', 'NotUnderstood']],
  initiatorAlias: [['a key is what its letters say, in their case', 'NotUnderstood']],
};

for (const [key, values] of Object.entries(cases)) {
  describe(key, () => {
    for (const [value, expected] of values) {
      const title =
        typeof expected === 'number' ? `ends the login with ${expected.toString(16)}h` : `answer ${expected}`;
      test(`${JSON.stringify(value)}: ${title}`, async () => {
        await using served = await serveTarget();
        const login = await RawLogin.open(served);
        const { status, keys } = await login.complete({ ...names, [key]: value });
        if (typeof expected === 'number') assert.equal(status, expected);
        else assert.deepEqual([status, keys.get(key)], [0, expected]);
      });
    }
  });
}
