/** Random login phases: keys right and wrong, requests in and out of their order; of new sessions and of connections that join one. */

import { keyRules } from '../../../src/iscsi/keys.ts';
import { Opcode } from '../../../src/iscsi/opcode.ts';
import { LoginRequest } from '../../../src/iscsi/pdu.ts';
import { encodeText, type TextPair } from '../../../src/iscsi/text.ts';
import type { Random } from '../../support/random.ts';
import { anyU32, damaged, randomBytes } from './bytes.ts';

const keyNames = Object.keys(keyRules);
const values: readonly [string, ...string[]] = [
  ...['Yes', 'No', 'None', 'CRC32C', 'CHAP', 'None,CHAP', 'CRC32C,None', '0', '1', '512', '8192', '65536', '16777215'],
  ...['', '-1', '0x200', '0X1f', '0b', '0bAAAA', '99999999999999999999', 'Reject', 'NotUnderstood', 'Irrelevant', '?'],
  ...[
    'Normal',
    'Discovery',
    'All',
    ',',
    'None,,None',
    '1~2',
    '512~1024',
    '\u00e9\u0301',
    'x'.repeat(255),
    'y'.repeat(2000),
  ],
] as unknown as [string, ...string[]];
const oddKeys = [
  'CHAP_A',
  'CHAP_N',
  'CHAP_R',
  'CHAP_I',
  'CHAP_C',
  'X-com.example.key',
  'IFMarker',
  'OFMarkInt',
  '__proto__',
  'a',
] as const;

export function randomKeys(random: Random): TextPair[] {
  return Array.from({ length: 1 + random.below(6) }, () => ({
    key: random.oneIn(5) ? random.pick(oddKeys) : (keyNames[random.below(keyNames.length)] ?? 'AuthMethod'),
    value: random.pick(values),
  }));
}

/** What one login is for. */
export interface LoginSubject {
  readonly initiatorName: string;
  readonly targetName: string;
  readonly isid: string;
  /** 0 for a leading login. */
  readonly tsih: number;
  readonly cid: number;
  /** Of the session, where it is a leading login. */
  readonly terms: SessionTerms;
  /** What the connection asks for itself. */
  readonly keys: readonly TextPair[];
}

/** What holds for a session, by its leading login. The target offers no less. */
export interface SessionTerms {
  readonly errorRecoveryLevel: number;
  readonly maxConnections: number;
  readonly initialR2T: boolean;
  readonly immediateData: boolean;
  readonly firstBurstLength: number;
  readonly maxBurstLength: number;
  readonly maxOutstandingR2T: number;
  /** Values of TaskReporting, and of iSCSIProtocolLevel. */
  readonly taskReporting: string;
  readonly protocolLevel: number;
}

export function randomTerms(random: Random, errorRecoveryLevel = random.below(3)): SessionTerms {
  const firstBurstLength = random.pick([65_536, 65_536, 512, 1024, 8192]);
  return {
    errorRecoveryLevel,
    maxConnections: random.oneIn(3) ? 1 : 4,
    initialR2T: random.oneIn(4),
    immediateData: random.below(4) > 0,
    firstBurstLength,
    // The last is a little less than a quarter of MiB: what is left of a READ of so much is a sliver of its buffer.
    maxBurstLength: Math.max(firstBurstLength, random.pick([262_144, 512, 2048, 65_536, 261_632])),
    maxOutstandingR2T: 1 + random.below(4),
    taskReporting: random.pick(['RFC3720', 'ResponseFence', 'FastAbort']),
    protocolLevel: 1 + random.below(2),
  };
}

function sessionKeys(terms: SessionTerms): TextPair[] {
  const yesNo = (value: boolean): string => (value ? 'Yes' : 'No');
  return [
    { key: 'ErrorRecoveryLevel', value: String(terms.errorRecoveryLevel) },
    { key: 'MaxConnections', value: String(terms.maxConnections) },
    { key: 'DefaultTime2Wait', value: '2' },
    { key: 'DefaultTime2Retain', value: '20' },
    { key: 'InitialR2T', value: yesNo(terms.initialR2T) },
    { key: 'ImmediateData', value: yesNo(terms.immediateData) },
    { key: 'FirstBurstLength', value: String(terms.firstBurstLength) },
    { key: 'MaxBurstLength', value: String(terms.maxBurstLength) },
    { key: 'MaxOutstandingR2T', value: String(terms.maxOutstandingR2T) },
    { key: 'TaskReporting', value: terms.taskReporting },
    { key: 'iSCSIProtocolLevel', value: String(terms.protocolLevel) },
  ];
}

/** What each connection asks for itself. */
export function randomConnectionKeys(random: Random): TextPair[] {
  const header = random.oneIn(3) ? 'CRC32C' : 'None';
  const data = random.oneIn(2) ? header : 'CRC32C';
  return [
    { key: 'HeaderDigest', value: header },
    { key: 'DataDigest', value: data },
    { key: 'MaxRecvDataSegmentLength', value: random.pick(['65536', '65536', '512', '4096', '16777215']) },
  ];
}

function request(
  stage: number,
  nextStage: number,
  { isid, tsih, cid }: LoginSubject,
  pairs: readonly TextPair[],
  cmdSN: number,
): [Uint8Array, Uint8Array] {
  const header = LoginRequest.encode({
    opcode: Opcode.loginRequest,
    immediate: true,
    transit: true,
    currentStage: stage,
    nextStage,
    isid: Buffer.from(isid, 'hex'),
    tsih,
    cid,
    cmdSN,
  });
  return [header, encodeText(pairs)];
}

/** The two requests of a login that succeeds: header and data of each. */
export function soundLogin(subject: LoginSubject, cmdSN: number): readonly [Uint8Array, Uint8Array][] {
  const identity = [
    { key: 'InitiatorName', value: subject.initiatorName },
    ...(subject.tsih === 0 ? [{ key: 'SessionType', value: 'Normal' }] : []),
    { key: 'TargetName', value: subject.targetName },
    { key: 'AuthMethod', value: 'None' },
  ];
  const keys = subject.tsih === 0 ? [...sessionKeys(subject.terms), ...subject.keys] : subject.keys;
  return [request(0, 1, subject, identity, cmdSN), request(1, 3, subject, keys, cmdSN)];
}

/** The same login, with something wrong in it. */
export function unsoundLogin(random: Random, subject: LoginSubject): readonly [Uint8Array, Uint8Array][] {
  return soundLogin(subject, anyU32(random)).flatMap(([header, data]) => {
    const kind = random.below(10);
    let text = data;
    if (kind < 3) text = Buffer.concat([data, encodeText(randomKeys(random))]);
    else if (kind === 3) text = encodeText(randomKeys(random));
    else if (kind === 4) text = damaged(random, data);
    else if (kind === 5) text = randomBytes(random, random.below(2000));
    const changed = Buffer.from(header);
    if (random.oneIn(3)) changed[1] = random.below(256);
    if (random.oneIn(8)) changed[8 + random.below(40)] = random.below(256);
    if (random.oneIn(12)) changed[0] = random.below(256);
    if (random.oneIn(20)) changed[4] = random.below(4);
    const each: [Uint8Array, Uint8Array] = [changed, text];
    return random.oneIn(8) ? [each, each] : [each];
  });
}
