/**
 * Negotiation of operational keys by the rules of RFC 7143 §6.2, the same for both sides: one side offers, the other answers, and
 * both arrive at the same values. All knowledge about single keys is in keys.ts.
 */

import { ProtocolError } from '../bytes/index.ts';
import { Answer, ceilings, isKeyName, type KeyName, type KeyRule, keyRules, MAX_VALUE_LENGTH } from './keys.ts';
import { parseNumericalValue } from './numerical-value.ts';
import { defaultParameters, type Parameters, TASK_REPORTING, type TaskReporting, type Wishes } from './parameters.ts';
import type { TextPair } from './text.ts';

export type SessionType = 'Normal' | 'Discovery';

/** The keys that are negotiated, with this side's wish for each, as text. */
function wishTexts(wishes: Wishes): ReadonlyMap<KeyName, string> {
  const yesNo = (value: boolean): string => (value ? 'Yes' : 'No');
  return new Map<KeyName, string>([
    ['HeaderDigest', wishes.headerDigest.join(',')],
    ['DataDigest', wishes.dataDigest.join(',')],
    ['MaxConnections', String(wishes.maxConnections)],
    ['InitialR2T', yesNo(wishes.initialR2T)],
    ['ImmediateData', yesNo(wishes.immediateData)],
    ['MaxRecvDataSegmentLength', String(wishes.maxRecvDataSegmentLength)],
    ['MaxBurstLength', String(wishes.maxBurstLength)],
    ['FirstBurstLength', String(wishes.firstBurstLength)],
    ['DefaultTime2Wait', String(wishes.defaultTime2Wait)],
    ['DefaultTime2Retain', String(wishes.defaultTime2Retain)],
    ['MaxOutstandingR2T', String(wishes.maxOutstandingR2T)],
    ['DataPDUInOrder', yesNo(wishes.dataPDUInOrder)],
    ['DataSequenceInOrder', yesNo(wishes.dataSequenceInOrder)],
    ['ErrorRecoveryLevel', String(wishes.errorRecoveryLevel)],
    ['TaskReporting', upTo(wishes.taskReporting).join(',')],
    ['iSCSIProtocolLevel', String(wishes.iSCSIProtocolLevel)],
  ]);
}

/** A value of TaskReporting and those that it includes, the most wanted first. */
function upTo(wanted: TaskReporting): TaskReporting[] {
  return TASK_REPORTING.slice(0, TASK_REPORTING.indexOf(wanted) + 1).toReversed();
}

/** Younger keys, which older targets do not know: they are offered only where this side wants another value than the default. */
const defaultsOfYoungerKeys: ReadonlyMap<KeyName, string> = new Map([
  ['TaskReporting', defaultParameters.taskReporting],
  ['iSCSIProtocolLevel', String(defaultParameters.iSCSIProtocolLevel)],
]);

const answersOnly: ReadonlySet<string> = new Set(Object.values(Answer));

/** What a request says, those that depend on others behind them (RFC 7143 §6.2). */
export function inAnsweringOrder(pairs: readonly TextPair[]): readonly TextPair[] {
  if (!pairs.some(({ key }) => ceilings.has(key))) return pairs;
  return [...pairs.filter(({ key }) => !ceilings.has(key)), ...pairs.filter(({ key }) => ceilings.has(key))];
}

/** One connection's negotiation, from this side's point of view. */
export class Negotiation {
  readonly #wishes: ReadonlyMap<KeyName, string>;
  readonly #sessionType: SessionType;
  /** Values that both sides now know. */
  readonly #agreed = new Map<KeyName, string>();
  readonly #offered = new Map<KeyName, string>();
  readonly #received = new Set<string>();
  readonly #declared: { own?: number; peer?: number } = {};

  constructor(wishes: Wishes, sessionType: SessionType) {
    this.#wishes = wishTexts(wishes);
    this.#sessionType = sessionType;
  }

  /** This side's offers: those that matter for the type of session. */
  offers(): TextPair[] {
    const pairs: TextPair[] = [];
    for (const [key, value] of this.#wishes) {
      const rule: KeyRule = keyRules[key];
      if (defaultsOfYoungerKeys.get(key) === value) continue;
      if (rule.normalOnly && this.#sessionType === 'Discovery') continue;
      pairs.push(this.#offer(key, value));
    }
    return pairs;
  }

  /** This side's declaration of MaxRecvDataSegmentLength, once; undefined when it has been made. */
  declaration(): TextPair | undefined {
    if (this.#declared.own !== undefined) return undefined;
    return this.#offer('MaxRecvDataSegmentLength', this.#wishes.get('MaxRecvDataSegmentLength') ?? '8192');
  }

  #offer(key: KeyName, value: string): TextPair {
    if (key === 'MaxRecvDataSegmentLength') this.#declared.own = Number(value);
    else this.#offered.set(key, value);
    return { key, value };
  }

  /**
   * Takes a key of the other side: an answer to an offer, or an offer to be answered. Gives the answer where one is due. Raises
   * ISCSI_KEY_REPEATED, ISCSI_KEY_INVALID. Offers that come together are to be handed over in the order of `inAnsweringOrder`.
   */
  receive({ key, value }: TextPair): TextPair | undefined {
    if (this.#received.has(key))
      throw new ProtocolError('ISCSI_KEY_REPEATED', `${key} was sent twice in one negotiation`);
    this.#received.add(key);
    if (!isKeyName(key)) return { key, value: Answer.notUnderstood };
    const offered = this.#offered.get(key);
    if (offered !== undefined) {
      this.#settle(key, offered, value);
      return undefined;
    }
    if (answersOnly.has(value)) throw new ProtocolError('ISCSI_KEY_INVALID', `${key}=${value} answers nothing`);
    return this.#answer(key, value);
  }

  /** The other side's answer must be a value that the rule could have given. */
  #settle(key: KeyName, offered: string, value: string): void {
    if (value === Answer.irrelevant || value === Answer.notUnderstood || value === Answer.reject) {
      const rule: KeyRule = keyRules[key];
      // Who lists no value that holds without an answer insists on one.
      const isNeeded = rule.value.kind === 'list' && !offered.split(',').includes(rule.value.otherwise);
      // RFC 7143 §6.2: every implementation knows these keys; those of RFC 3720 do not know the younger ones.
      const isKnown = value === Answer.notUnderstood && !defaultsOfYoungerKeys.has(key);
      if (isNeeded || isKnown) {
        throw new ProtocolError('ISCSI_KEY_INVALID', `${key}=${offered} was answered with ${value}`);
      }
      return;
    }
    const result = combine(key, offered, value);
    if (result === undefined || result !== value) {
      throw new ProtocolError(
        'ISCSI_KEY_INVALID',
        `${key}=${offered} was answered with ${value}, which it does not allow`,
      );
    }
    this.#agreed.set(key, value);
  }

  #answer(key: KeyName, value: string): TextPair | undefined {
    const rule: KeyRule = keyRules[key];
    checkLength(key, rule.value.kind === 'list' ? value.split(',') : [value]);
    if (rule.value.kind === 'text') return undefined;
    if (rule.value.kind === 'number' && rule.value.result === 'declared') {
      this.#declared.peer = this.#declaration(key, value, rule.value.minimum, rule.value.maximum);
      return undefined;
    }
    if (rule.normalOnly && this.#sessionType === 'Discovery') return { key, value: Answer.irrelevant };
    const wish = this.#wish(key);
    if (wish === undefined) return { key, value: Answer.reject };
    const result = combine(key, value, wish);
    if (result === undefined) return { key, value: Answer.reject };
    this.#agreed.set(key, result);
    return { key, value: result };
  }

  /** A declaration has no answer; one that cannot be accepted is a failure (RFC 7143 §7.12). */
  #declaration(key: KeyName, value: string, minimum: number, maximum: number): number {
    const declared = parseNumericalValue(value, minimum, maximum);
    if (declared !== undefined) return declared;
    throw new ProtocolError('ISCSI_KEY_INVALID', `${key}=${value} is not from ${minimum} to ${maximum}`);
  }

  /** What this side would like, as far as other keys leave it the choice. */
  #wish(key: KeyName): string | undefined {
    // RFC 7143 §7.4.1
    if (key === 'ErrorRecoveryLevel' && this.#sessionType === 'Discovery') return '0';
    const wish = this.#wishes.get(key);
    const ceiling = ceilings.get(key);
    return wish === undefined || ceiling === undefined
      ? wish
      : String(Math.min(Number(wish), ceiling(this.parameters())));
  }

  /** Everything as agreed, or at its default. What was said in the wrong order is held to its bounds all the same. */
  parameters(): Parameters {
    const agreed = this.#agreedParameters();
    const held = (key: KeyName, value: number): number => Math.min(value, ceilings.get(key)?.(agreed) ?? value);
    return {
      ...agreed,
      firstBurstLength: held('FirstBurstLength', agreed.firstBurstLength),
      maxOutstandingR2T: held('MaxOutstandingR2T', agreed.maxOutstandingR2T),
    };
  }

  #agreedParameters(): Parameters {
    const agreed = this.#agreed;
    const text = (key: KeyName): string | undefined => agreed.get(key);
    const number = (key: KeyName, fallback: number): number => Number(text(key) ?? fallback);
    const yes = (key: KeyName, fallback: boolean): boolean => (text(key) ?? (fallback ? 'Yes' : 'No')) === 'Yes';
    const d = defaultParameters;
    return {
      headerDigest: text('HeaderDigest') === 'CRC32C',
      dataDigest: text('DataDigest') === 'CRC32C',
      maxConnections: number('MaxConnections', d.maxConnections),
      initialR2T: yes('InitialR2T', d.initialR2T),
      immediateData: yes('ImmediateData', d.immediateData),
      maxSendDataSegmentLength: this.#declared.peer ?? d.maxSendDataSegmentLength,
      maxRecvDataSegmentLength: this.#declared.own ?? d.maxRecvDataSegmentLength,
      maxBurstLength: number('MaxBurstLength', d.maxBurstLength),
      firstBurstLength: number('FirstBurstLength', d.firstBurstLength),
      defaultTime2Wait: number('DefaultTime2Wait', d.defaultTime2Wait),
      defaultTime2Retain: number('DefaultTime2Retain', d.defaultTime2Retain),
      maxOutstandingR2T: number('MaxOutstandingR2T', d.maxOutstandingR2T),
      dataPDUInOrder: yes('DataPDUInOrder', d.dataPDUInOrder),
      dataSequenceInOrder: yes('DataSequenceInOrder', d.dataSequenceInOrder),
      errorRecoveryLevel: number('ErrorRecoveryLevel', d.errorRecoveryLevel),
      taskReporting: TASK_REPORTING.find((value) => value === text('TaskReporting')) ?? d.taskReporting,
      iSCSIProtocolLevel: number('iSCSIProtocolLevel', d.iSCSIProtocolLevel),
    };
  }
}

/** The result of an offer and the other side's wish or answer; undefined when the rule gives none. */
function combine(key: KeyName, offered: string, wish: string): string | undefined {
  const { value }: KeyRule = keyRules[key];
  switch (value.kind) {
    case 'list': {
      const supported = wish.split(',');
      return offered.split(',').find((choice) => supported.includes(choice));
    }
    case 'boolean': {
      if (!isYesNo(offered) || !isYesNo(wish)) return undefined;
      const yes = value.result === 'and' ? offered === 'Yes' && wish === 'Yes' : offered === 'Yes' || wish === 'Yes';
      return yes ? 'Yes' : 'No';
    }
    case 'number': {
      const a = parseNumericalValue(offered, value.minimum, value.maximum);
      const b = parseNumericalValue(wish, value.minimum, value.maximum);
      if (a === undefined || b === undefined) return undefined;
      return String(value.result === 'maximum' ? Math.max(a, b) : Math.min(a, b));
    }
    case 'text':
      return undefined;
  }
}

function isYesNo(value: string): boolean {
  return value === 'Yes' || value === 'No';
}

function checkLength(key: KeyName, values: readonly string[]): void {
  if (values.every((value) => Buffer.byteLength(value) <= MAX_VALUE_LENGTH)) return;
  throw new ProtocolError('ISCSI_KEY_INVALID', `a value of ${key} is longer than ${MAX_VALUE_LENGTH} bytes`);
}
