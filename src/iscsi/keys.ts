/**
 * Every text key of RFC 7143 §12 and §13 and RFC 7144 §7.1, as one table: how its value is found, who may send it, in which stage, and
 * for how much of the session it holds. Negotiation (negotiation.ts) only walks this table. What a key is by default stands in
 * parameters.ts.
 */

import type { Parameters } from './parameters.ts';

export type KeyValue =
  /** The first value of the sender's list that the answerer supports (RFC 7143 §6.2.1); `otherwise` where the key is not settled. */
  | { readonly kind: 'list'; readonly otherwise: string }
  /** Yes only when both say so (`and`), or when one does (`or`). */
  | { readonly kind: 'boolean'; readonly result: 'and' | 'or' }
  /** A number within bounds: the smaller, the greater, or each side's own declaration. */
  | {
      readonly kind: 'number';
      readonly minimum: number;
      readonly maximum: number;
      readonly result: 'minimum' | 'maximum' | 'declared';
    }
  /** Said by one side, never answered. */
  | { readonly kind: 'text' };

export interface KeyRule {
  readonly value: KeyValue;
  readonly senders: 'initiator' | 'target' | 'both';
  /** In which login stage it may be sent. */
  readonly stage: 'security' | 'operational' | 'any';
  /** Only in the leading login of a session, only in a login, in the full feature phase as well, or only there (RFC 7143 §13). */
  readonly use: 'LO' | 'IO' | 'ALL' | 'FFPO';
  /** Without meaning when SessionType=Discovery: answered with Irrelevant (RFC 7143 §13). */
  readonly normalOnly: boolean;
}

const rule = (value: KeyValue, options: Partial<Omit<KeyRule, 'value'>> = {}): KeyRule => ({
  value,
  senders: options.senders ?? 'both',
  stage: options.stage ?? 'operational',
  use: options.use ?? 'IO',
  normalOnly: options.normalOnly ?? false,
});

const list = (otherwise: string): KeyValue => ({ kind: 'list', otherwise });
const text: KeyValue = { kind: 'text' };
const boolean = (result: 'and' | 'or'): KeyValue => ({ kind: 'boolean', result });
const number = (minimum: number, maximum: number, result: 'minimum' | 'maximum' | 'declared'): KeyValue => ({
  kind: 'number',
  minimum,
  maximum,
  result,
});

/** Leading login of a normal session only: what shapes data transfer for the whole session. */
const session = { use: 'LO', normalOnly: true } as const;
const MAX_24_BIT = 0xff_ffff;

export const keyRules = {
  AuthMethod: rule(list('None'), { stage: 'security' }), //                                          RFC 7143 §12.1
  HeaderDigest: rule(list('None')), //                                                       §13.1
  DataDigest: rule(list('None')), //                                                         §13.1
  MaxConnections: rule(number(1, 65_535, 'minimum'), session), //                            §13.2
  SendTargets: rule(text, { senders: 'initiator', stage: 'any', use: 'FFPO' }), //           §13.3
  TargetName: rule(text, { stage: 'any' }), //                                               §13.4
  InitiatorName: rule(text, { senders: 'initiator', stage: 'any' }), //                      §13.5
  TargetAlias: rule(text, { senders: 'target', stage: 'any', use: 'ALL' }), //               §13.6
  InitiatorAlias: rule(text, { senders: 'initiator', stage: 'any', use: 'ALL' }), //         §13.7
  TargetAddress: rule(text, { senders: 'target', stage: 'any', use: 'ALL' }), //             §13.8
  TargetPortalGroupTag: rule(text, { senders: 'target', stage: 'any' }), //                  §13.9
  InitialR2T: rule(boolean('or'), session), //                                               §13.10
  ImmediateData: rule(boolean('and'), session), //                                           §13.11
  MaxRecvDataSegmentLength: rule(number(512, MAX_24_BIT, 'declared'), { use: 'ALL' }), //    §13.12
  MaxBurstLength: rule(number(512, MAX_24_BIT, 'minimum'), session), //                      §13.13
  FirstBurstLength: rule(number(512, MAX_24_BIT, 'minimum'), session), //                    §13.14
  DefaultTime2Wait: rule(number(0, 3600, 'maximum'), { use: 'LO' }), //                      §13.15
  DefaultTime2Retain: rule(number(0, 3600, 'minimum'), { use: 'LO' }), //                    §13.16
  MaxOutstandingR2T: rule(number(1, 65_535, 'minimum'), session), //                         §13.17
  DataPDUInOrder: rule(boolean('or'), session), //                                           §13.18
  DataSequenceInOrder: rule(boolean('or'), session), //                                      §13.19
  ErrorRecoveryLevel: rule(number(0, 2, 'minimum'), { use: 'LO' }), //                       §13.20
  SessionType: rule(text, { senders: 'initiator', stage: 'any', use: 'LO' }), //             §13.21
  TaskReporting: rule(list('RFC3720'), session), //                                          §13.23
  iSCSIProtocolLevel: rule(number(0, 31, 'minimum'), session), //                            RFC 7144 §7.1.1
  'X#NodeArchitecture': rule(text, { stage: 'any', use: 'LO' }), //                          RFC 7143 §13.26
} as const satisfies Record<string, KeyRule>;

export type KeyName = keyof typeof keyRules;

export function isKeyName(key: string): key is KeyName {
  return Object.hasOwn(keyRules, key);
}

/**
 * Keys that others bound (RFC 7143 §6.2, "integrity rules"): the most that they may be once the others are settled. They are answered
 * after the others.
 */
export const ceilings: ReadonlyMap<string, (agreed: Parameters) => number> = new Map([
  // §13.14: it MUST NOT exceed MaxBurstLength.
  ['FirstBurstLength', ({ maxBurstLength }) => maxBurstLength],
  // §13.19: only the last R2T can be retried where sequences are in order.
  [
    'MaxOutstandingR2T',
    ({ errorRecoveryLevel, dataSequenceInOrder }) => (errorRecoveryLevel > 0 && dataSequenceInOrder ? 1 : 65_535),
  ],
]);

/** The keys of sync and steering, which RFC 7143 §13.25 withdrew, with the answers that older initiators take best. */
export const withdrawnKeys: ReadonlyMap<string, string> = new Map([
  ['IFMarker', 'No'],
  ['OFMarker', 'No'],
  ['IFMarkInt', 'Reject'],
  ['OFMarkInt', 'Reject'],
]);

/** Bytes of a value (RFC 7143 §6.1); each of a list counts for itself, and what stands for binary data is bounded otherwise. */
export const MAX_VALUE_LENGTH = 255;

/** Answers that are no values (RFC 7143 §6.2). */
export const Answer = { reject: 'Reject', irrelevant: 'Irrelevant', notUnderstood: 'NotUnderstood' } as const;
