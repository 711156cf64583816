/** Random login phases: keys right and wrong, requests in and out of their order. */

import { keyRules } from '../../src/iscsi/keys.ts';
import { Opcode } from '../../src/iscsi/opcode.ts';
import { LoginRequest } from '../../src/iscsi/pdu.ts';
import { encodeText, type TextPair } from '../../src/iscsi/text.ts';
import type { Random } from '../support/random.ts';
import { anyU32, damaged, randomBytes } from './random-bytes.ts';

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

export interface LoginSubject {
  readonly initiatorName: string;
  readonly targetName: string;
  readonly isid: string;
  readonly digests: boolean;
}

function request(
  stage: number,
  nextStage: number,
  isid: string,
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
    cid: 1,
    cmdSN,
  });
  return [header, encodeText(pairs)];
}

/** The two requests of a login that succeeds: header and data of each. */
export function soundLogin(subject: LoginSubject, cmdSN: number): readonly [Uint8Array, Uint8Array][] {
  const digest = subject.digests ? 'CRC32C' : 'None';
  return [
    request(
      0,
      1,
      subject.isid,
      [
        { key: 'InitiatorName', value: subject.initiatorName },
        { key: 'SessionType', value: 'Normal' },
        { key: 'TargetName', value: subject.targetName },
        { key: 'AuthMethod', value: 'None' },
      ],
      cmdSN,
    ),
    request(
      1,
      3,
      subject.isid,
      [
        { key: 'HeaderDigest', value: digest },
        { key: 'DataDigest', value: digest },
        { key: 'InitialR2T', value: 'No' },
        { key: 'ImmediateData', value: 'Yes' },
        { key: 'MaxRecvDataSegmentLength', value: '65536' },
        { key: 'MaxOutstandingR2T', value: '4' },
      ],
      cmdSN,
    ),
  ];
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
