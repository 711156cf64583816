/**
 * CHAP as iSCSI carries it (RFC 7143 §12.1.3, RFC 1994), without I/O: the values, the responses and both ends of the exchange.
 *
 *     initiator: CHAP_A=<list>                target: CHAP_A=<one> CHAP_I=<id> CHAP_C=<challenge>
 *     initiator: CHAP_N=<name> CHAP_R=<response> [CHAP_I=<id> CHAP_C=<challenge>]
 *                                             target: [CHAP_N=<name> CHAP_R=<response>]
 */

import { createHash, timingSafeEqual } from 'node:crypto';
import { MAX_VALUE_LENGTH } from './keys.ts';
import { LoginFailure } from './login-request.ts';
import { parseNumericalValue } from './numerical-value.ts';
import { LoginStatus } from './pdu.ts';
import type { TextPair } from './text.ts';

/** The algorithms of the IANA registry "PPP Authentication Algorithms", with the hash that each uses. */
const algorithms = new Map<number, string>([
  [5, 'md5'],
  [6, 'sha1'],
  [7, 'sha256'],
  [8, 'sha3-256'],
]);

/** Strongest first: what an initiator offers when it is free to choose. */
export const CHAP_ALGORITHMS: readonly number[] = [8, 7, 6, 5];

/** The one that everybody must know (RFC 7143 §12.1.3). */
export const CHAP_MD5 = 5;

/** RFC 7143 §12.1.3: a binary value is at most this long. */
const MAX_BINARY_LENGTH = 1024;
const CHALLENGE_LENGTH = 16;

export interface ChapSecret {
  readonly name: string;
  readonly secret: Uint8Array;
}

export interface ChapCredentials {
  /** Who the initiator must be. */
  readonly initiator: ChapSecret;
  /** Who the target is, when the initiator asks for proof. */
  readonly target?: ChapSecret;
}

/** What a target asks for: proof of being one of several, and its own when the initiator asks for that. */
export interface ChapDemand {
  readonly initiators: readonly ChapSecret[];
  readonly target?: ChapSecret;
}

/** Random bytes: `crypto.randomBytes`, or a fixed row in tests. */
export type Random = (length: number) => Uint8Array;

export const isChapKey = (key: string): boolean => /^CHAP_[AICNR]$/.test(key);

/** The response to a challenge: hash of identifier, secret and challenge (RFC 1994 §4.1). */
export function chapResponse(algorithm: number, identifier: number, secret: Uint8Array, challenge: Uint8Array): Buffer {
  const name = algorithms.get(algorithm);
  if (name === undefined) throw new RangeError(`CHAP algorithm ${algorithm}`);
  return createHash(name).update(Uint8Array.of(identifier)).update(secret).update(challenge).digest();
}

/** `0x` and hex digits, or `0b` and base64 (RFC 7143 §6.1). Undefined when it is neither, or too long. */
export function parseBinary(text: string): Buffer | undefined {
  const digits = text.slice(2);
  let bytes: Buffer | undefined;
  if (/^0x/i.test(text) && /^[0-9a-f]+$/i.test(digits)) {
    bytes = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
  } else if (/^0b/i.test(text) && /^[A-Za-z0-9+/]+={0,2}$/.test(digits)) {
    bytes = Buffer.from(digits, 'base64');
  }
  return bytes === undefined || bytes.length > MAX_BINARY_LENGTH ? undefined : bytes;
}

/** Hex, which every initiator reads; base64 is for those who like it. */
const formatBinary = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString('hex')}`;

const parseIdentifier = (text: string): number | undefined => parseNumericalValue(text, 0, 255);

/** The cryptographic values are wrong, or nobody is left to prove anything to. */
function refuse(message: string): never {
  throw new LoginFailure(LoginStatus.authenticationFailure, message, { code: 'ISCSI_LOGIN_AUTH_FAILED' });
}

/** The keys are not those of the step, or cannot be read (RFC 7143 §9.2). */
function breach(message: string): never {
  throw new LoginFailure(LoginStatus.initiatorError, message);
}

/** A key that the step must have: a proof that is left out must not pass for a wrong one (RFC 7143 §9.2). */
function required(keys: ReadonlyMap<string, string>, key: string): string {
  const value = keys.get(key);
  if (value !== undefined) return value;
  throw new LoginFailure(LoginStatus.missingParameter, `${key} is missing`);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** The target's end: asks for the initiator's proof, and gives its own when asked. */
export class TargetChap {
  readonly #demand: ChapDemand;
  readonly #random: Random;
  #algorithm = 0;
  #identifier = 0;
  #challenge: Uint8Array | undefined;
  #provenName: string | undefined;

  constructor(demand: ChapDemand, random: Random) {
    this.#demand = demand;
    this.#random = random;
  }

  /** The initiator has proved who it is. */
  get done(): boolean {
    return this.#provenName !== undefined;
  }

  get provenName(): string | undefined {
    return this.#provenName;
  }

  /**
   * Takes the CHAP keys of one request; gives those of the response. Raises LoginFailure: 0201h where the proof is wrong, 0207h and
   * 0200h where the keys are not those of the step.
   */
  receive(keys: ReadonlyMap<string, string>): TextPair[] {
    if (this.done) breach('CHAP keys after the end of the exchange');
    return this.#challenge === undefined ? this.#ask(keys) : this.#check(keys, this.#challenge);
  }

  #ask(keys: ReadonlyMap<string, string>): TextPair[] {
    const offered = required(keys, 'CHAP_A');
    if (keys.size > 1) breach('CHAP begins with CHAP_A alone');
    const chosen = offered
      .split(',')
      .map((text) => parseNumericalValue(text, 0, 255))
      .find((number) => number !== undefined && algorithms.has(number));
    if (chosen === undefined) refuse(`no algorithm of CHAP_A=${offered} is known`);
    this.#algorithm = chosen;
    this.#identifier = this.#random(1)[0] ?? 0;
    this.#challenge = this.#random(CHALLENGE_LENGTH);
    return [
      { key: 'CHAP_A', value: String(chosen) },
      { key: 'CHAP_I', value: String(this.#identifier) },
      { key: 'CHAP_C', value: formatBinary(this.#challenge) },
    ];
  }

  #check(keys: ReadonlyMap<string, string>, challenge: Uint8Array): TextPair[] {
    const name = required(keys, 'CHAP_N');
    if (Buffer.byteLength(name) > MAX_VALUE_LENGTH) breach('CHAP_N is too long');
    const response = parseBinary(required(keys, 'CHAP_R')) ?? breach('CHAP_R cannot be read');
    const question = questionIn(keys);
    // A name that nobody has is checked like any other, and all of them are looked at: the time taken must not tell which exist.
    const substitute = this.#random(CHALLENGE_LENGTH);
    const [known] = this.#demand.initiators.filter((initiator) => initiator.name === name);
    const secret = known?.secret ?? substitute;
    const expected = chapResponse(this.#algorithm, this.#identifier, secret, challenge);
    const isProof = sameBytes(response, expected);
    if (known === undefined || !isProof) refuse('the CHAP name or response is wrong');
    const { target } = this.#demand;
    // Such a response could be this target's own, sent back (RFC 7143 §9.2.1).
    if (target !== undefined && sameBytes(known.secret, target.secret)) {
      refuse('the secrets of both directions are the same');
    }
    const proof = question === undefined ? [] : this.#prove(question, target, challenge);
    this.#provenName = name;
    return proof;
  }

  /** Mutual authentication: the initiator's own challenge is answered (RFC 7143 §12.1.3). */
  #prove(question: Question, target: ChapSecret | undefined, ownChallenge: Uint8Array): TextPair[] {
    if (target === undefined) refuse('the initiator asks for proof, and this target has no secret to prove');
    const { identifier, challenge } = question;
    // Else the initiator could have its own question answered by the other side (RFC 7143 §9.2.1).
    if (sameBytes(challenge, ownChallenge)) refuse('the challenge is the one that it was sent');
    return [
      { key: 'CHAP_N', value: target.name },
      { key: 'CHAP_R', value: formatBinary(chapResponse(this.#algorithm, identifier, target.secret, challenge)) },
    ];
  }
}

interface Question {
  readonly identifier: number;
  readonly challenge: Uint8Array;
}

/** The initiator's own challenge, where it sends one. */
function questionIn(keys: ReadonlyMap<string, string>): Question | undefined {
  if (!keys.has('CHAP_I') && !keys.has('CHAP_C')) return undefined;
  const identifier = parseIdentifier(required(keys, 'CHAP_I')) ?? breach('CHAP_I cannot be read');
  const challenge = parseBinary(required(keys, 'CHAP_C')) ?? breach('CHAP_C cannot be read');
  return { identifier, challenge };
}

/** The initiator's end: proves who it is, and asks the target for the same when it has a secret to check. */
export class InitiatorChap {
  readonly #credentials: ChapCredentials;
  readonly #offered: readonly number[];
  readonly #random: Random;
  #expected: Buffer | undefined;
  #done = false;

  constructor(credentials: ChapCredentials, random: Random, offered: readonly number[] = CHAP_ALGORITHMS) {
    this.#credentials = credentials;
    this.#random = random;
    this.#offered = offered;
  }

  /** Both sides have proved what was asked of them. */
  get done(): boolean {
    return this.#done;
  }

  start(): TextPair[] {
    return [{ key: 'CHAP_A', value: this.#offered.join(',') }];
  }

  /** Takes the CHAP keys of one response; gives those of the next request. Raises LoginFailure where they are not those of the step. */
  receive(keys: ReadonlyMap<string, string>): TextPair[] {
    if (this.#done) refuse('the target sends CHAP keys after the end of the exchange');
    if (this.#expected !== undefined) {
      this.#verify(keys, this.#expected);
      return [];
    }
    return this.#answer(keys);
  }

  #answer(keys: ReadonlyMap<string, string>): TextPair[] {
    if (keys.size > 3) refuse('the target sends more than CHAP_A, CHAP_I and CHAP_C');
    const algorithm = parseNumericalValue(keys.get('CHAP_A') ?? '', 0, 255);
    const identifier = parseIdentifier(keys.get('CHAP_I') ?? '');
    const challenge = parseBinary(keys.get('CHAP_C') ?? '');
    if (algorithm === undefined || !this.#offered.includes(algorithm))
      refuse(`the target chose CHAP_A=${keys.get('CHAP_A') ?? ''}`);
    if (identifier === undefined || challenge === undefined) refuse("the target's CHAP_I or CHAP_C cannot be read");
    const { initiator, target } = this.#credentials;
    const answer: TextPair[] = [
      { key: 'CHAP_N', value: initiator.name },
      { key: 'CHAP_R', value: formatBinary(chapResponse(algorithm, identifier, initiator.secret, challenge)) },
    ];
    if (target === undefined) {
      this.#done = true;
      return answer;
    }
    if (sameBytes(initiator.secret, target.secret)) refuse('the secrets of both directions are the same');
    const ownIdentifier = this.#random(1)[0] ?? 0;
    const ownChallenge = this.#random(CHALLENGE_LENGTH);
    this.#expected = chapResponse(algorithm, ownIdentifier, target.secret, ownChallenge);
    answer.push({ key: 'CHAP_I', value: String(ownIdentifier) }, { key: 'CHAP_C', value: formatBinary(ownChallenge) });
    return answer;
  }

  #verify(keys: ReadonlyMap<string, string>, expected: Buffer): void {
    const response = parseBinary(keys.get('CHAP_R') ?? '');
    if (
      keys.size > 2 ||
      keys.get('CHAP_N') !== this.#credentials.target?.name ||
      response === undefined ||
      !sameBytes(response, expected)
    ) {
      refuse('the target did not prove that it knows its secret');
    }
    this.#done = true;
  }
}
