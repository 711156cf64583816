/**
 * The target's side of the login phase (RFC 7143 §6.3), without I/O: Login Requests in, Login Responses and an outcome out. One
 * object serves one connection, until the outcome is `complete` or `failed`.
 *
 * After the first whole request the outcome is `identified`: the owner looks the target up (which may take time, a disk may have to
 * be made) and calls `admit`.
 */

import { ProtocolError, readU32 } from '../bytes/index.ts';
import { isChapKey, type Random } from './chap.ts';
import { Answer, withdrawnKeys } from './keys.ts';
import { LoginHeaders } from './login-headers.ts';
import { LoginKeys } from './login-keys.ts';
import { identify, LoginFailure, type LoginIdentity } from './login-request.ts';
import { inAnsweringOrder, Negotiation } from './negotiation.ts';
import { Opcode } from './opcode.ts';
import type { Parameters, Wishes } from './parameters.ts';
import { LoginRequest, LoginResponse, LoginStage, LoginStatus } from './pdu.ts';
import type { Pdu } from './pdu-reader.ts';
import { type AuthenticationDemand, TargetAuthentication } from './target-authentication.ts';
import { decodeText, encodeText, splitText, TextGatherer, type TextPair } from './text.ts';

/** What the owner decides about an identified initiator. */
export type Admission =
  | (AuthenticationDemand & {
      readonly kind: 'accept';
      /** The handle of the session in the final response: not 0. */
      readonly tsih: number;
      readonly targetAlias?: string;
      /** The first MaxCmdSN minus the first ExpCmdSN, plus one. */
      readonly commandWindow: number;
      /** The numbers of a session that the connection is added to. */
      readonly window?: { readonly expCmdSN: number; readonly maxCmdSN: number };
    })
  | { readonly kind: 'refuse'; readonly status: number; readonly reason: string }
  /** `address` is `ip:port`: clients fail without the port. */
  | { readonly kind: 'redirect'; readonly address: string; readonly permanent: boolean };

export type LoginOutcome =
  | { readonly kind: 'continue' }
  | { readonly kind: 'identified'; readonly identity: LoginIdentity }
  | {
      readonly kind: 'complete';
      readonly identity: LoginIdentity;
      readonly parameters: Parameters;
      /** Of the session, as the admission gave it. */
      readonly tsih: number;
      /** The CHAP name that the initiator has proved to have, where it was asked. */
      readonly authenticatedAs: string | undefined;
      /** CmdSN of the first command that is expected, and StatSN of the next response. */
      readonly expCmdSN: number;
      readonly statSN: number;
    }
  | { readonly kind: 'failed'; readonly status: number; readonly error: LoginFailure };

export interface LoginStep {
  /** Whole PDUs, to be sent in order. */
  readonly send: readonly Uint8Array[];
  readonly outcome: LoginOutcome;
}

export interface TargetLoginOptions {
  readonly wishes: Wishes;
  readonly portalGroupTag: number;
  /** For CHAP's challenges. */
  readonly random: Random;
}

/** Data segments are at most this long in both directions until the full feature phase (RFC 7143 §6.3). */
export const LOGIN_DATA_SEGMENT_LENGTH = 8192;

/** Byte offset of the Initiator Task Tag in every PDU. */
const INITIATOR_TASK_TAG = 16;

export class TargetLogin {
  readonly #options: TargetLoginOptions;
  readonly #gatherer = new TextGatherer();
  readonly #headers = new LoginHeaders();
  #identity: LoginIdentity | undefined;
  #admission: Extract<Admission, { kind: 'accept' }> | undefined;
  #negotiation: Negotiation | undefined;
  /** What is known of who the initiator is, from its admission on. */
  #proof: TargetAuthentication | undefined;
  readonly #keys = new LoginKeys();
  /** A whole text has been answered. */
  #hasAnswered = false;
  #statSN = 0;
  /** Of the PDU that is answered next: every response carries the tag of its own request (RFC 7143 §11.13). */
  #initiatorTaskTag = 0;
  /** The request that waits for its answer, and the rest of a long answer. */
  #request: { header: LoginRequest; pairs: readonly TextPair[] } | undefined;
  #unsent: Uint8Array[] = [];

  constructor(options: TargetLoginOptions) {
    this.#options = options;
  }

  /** Takes one Login Request. */
  receive(pdu: Pdu): LoginStep {
    try {
      return this.#receive(pdu);
    } catch (error) {
      return this.#fail(error);
    }
  }

  /** Answers `identified`. */
  admit(admission: Admission): LoginStep {
    try {
      if (admission.kind === 'redirect') return this.#redirect(admission.address, admission.permanent);
      if (admission.kind === 'refuse') throw new LoginFailure(admission.status, admission.reason);
      this.#admission = admission;
      this.#proof = new TargetAuthentication(admission, this.#options.random);
      return this.#answerRequest();
    } catch (error) {
      return this.#fail(error);
    }
  }

  #receive(pdu: Pdu): LoginStep {
    this.#initiatorTaskTag = readU32(pdu.header, INITIATOR_TASK_TAG);
    if ((pdu.header[0] ?? 0) % 64 !== Opcode.loginRequest) {
      throw new LoginFailure(
        LoginStatus.invalidDuringLogin,
        'only Login Requests may be sent before the login is over',
      );
    }
    const header = LoginRequest.view(pdu.header);
    this.#headers.check(header);
    const whole = this.#gatherer.add(pdu.data, header.continue);
    if (whole === undefined) {
      // RFC 7143 §6.2: an empty response asks for the rest.
      this.#request = { header, pairs: [] };
      return { send: [this.#respond(new Uint8Array(0), false, 0, false)], outcome: { kind: 'continue' } };
    }
    this.#request = { header, pairs: decodeText(whole) };
    if (this.#unsent.length > 0) return this.#continueAnswer(header, whole.length);
    if (this.#identity !== undefined) return this.#answerRequest();
    const { isid, tsih, cid } = this.#headers.first ?? { isid: '', tsih: 0, cid: 0 };
    this.#identity = identify(this.#request.pairs, isid, tsih, cid);
    return { send: [], outcome: { kind: 'identified', identity: this.#identity } };
  }

  #answerRequest(): LoginStep {
    const request = this.#request;
    const identity = this.#identity;
    if (request === undefined || identity === undefined) throw new Error('nothing has been asked');
    this.#negotiation ??= new Negotiation(this.#options.wishes, identity.sessionType);
    const answers = this.#hasAnswered ? [] : this.#ownKeys();
    const chapKeys = new Map<string, string>();
    for (const pair of inAnsweringOrder(request.pairs)) {
      if (isChapKey(pair.key)) chapKeys.set(pair.key, pair.value);
      const answer = this.#answerPair(pair);
      if (answer !== undefined) answers.push(answer);
    }
    this.#hasAnswered = true;
    answers.push(...this.#authenticate(chapKeys));
    if (!this.#isSecurityStage) {
      const declaration = this.#negotiation.declaration();
      if (declaration !== undefined) answers.push(declaration);
    }
    this.#unsent = splitText(encodeText(answers), LOGIN_DATA_SEGMENT_LENGTH);
    return this.#sendSegment(request.header);
  }

  /** RFC 7143 §6.2: the rest of an answer is asked for by requests without text. */
  #continueAnswer(header: LoginRequest, textLength: number): LoginStep {
    if (textLength === 0) return this.#sendSegment(header);
    throw new LoginFailure(LoginStatus.initiatorError, 'a request has text before the last answer is whole');
  }

  /** Sends the next segment of the answer; the last one carries the transition, if its request asks for one. */
  #sendSegment(header: LoginRequest): LoginStep {
    const segment = this.#unsent.shift() ?? new Uint8Array(0);
    const last = this.#unsent.length === 0;
    const moves = last && this.#mayLeaveStage(header);
    const { nextStage } = header;
    const pdu = this.#respond(segment, moves, nextStage, !last);
    if (!moves) return { send: [pdu], outcome: { kind: 'continue' } };
    if (nextStage !== LoginStage.fullFeaturePhase) {
      this.#headers.enter(nextStage);
      return { send: [pdu], outcome: { kind: 'continue' } };
    }
    return { send: [pdu], outcome: this.#complete() };
  }

  #complete(): LoginOutcome {
    const identity = this.#identity;
    const tsih = this.#admission?.tsih;
    const parameters = this.#negotiation?.parameters();
    if (identity === undefined || tsih === undefined || parameters === undefined) {
      throw new Error('nothing has been negotiated');
    }
    const authenticatedAs = this.#proof?.provenName;
    return {
      kind: 'complete',
      identity,
      parameters,
      tsih,
      authenticatedAs,
      expCmdSN: this.#cmdSN,
      statSN: this.#statSN,
    };
  }

  /** What the target says unasked, in its first response (RFC 7143 §6.3.1, §13.9). */
  #ownKeys(): TextPair[] {
    const keys: TextPair[] = [{ key: 'TargetPortalGroupTag', value: String(this.#options.portalGroupTag) }];
    const alias = this.#admission?.targetAlias;
    if (alias !== undefined) keys.unshift({ key: 'TargetAlias', value: alias });
    return keys;
  }

  #answerPair(pair: TextPair): TextPair | undefined {
    const { key, value } = pair;
    this.#keys.check(key, {
      stage: this.#isSecurityStage ? 'security' : 'operational',
      isFirst: !this.#hasAnswered,
      isLeading: (this.#headers.first?.tsih ?? 0) === 0,
    });
    const withdrawn = withdrawnKeys.get(key);
    if (withdrawn !== undefined) return { key, value: withdrawn };
    if (isChapKey(key)) return undefined;
    if (key === 'AuthMethod') return { key, value: this.#proof?.chooseMethod(value) ?? Answer.reject };
    return this.#negotiation?.receive(pair);
  }

  get #isSecurityStage(): boolean {
    return this.#headers.stage === LoginStage.securityNegotiation;
  }

  /** Of the first command: every request of a login carries the same (RFC 7143 §11.12.8). */
  get #cmdSN(): number {
    return this.#headers.first?.cmdSN ?? 0;
  }

  #authenticate(keys: ReadonlyMap<string, string>): TextPair[] {
    if (this.#isSecurityStage) return this.#proof?.receive(keys) ?? [];
    if (keys.size === 0) return [];
    throw new LoginFailure(LoginStatus.initiatorError, 'CHAP keys outside the security stage');
  }

  /** Nobody leaves the security stage, or goes round it, before having proved what was asked for (RFC 7143 §6.3.2). */
  #mayLeaveStage(header: LoginRequest): boolean {
    if (!header.transit) return false;
    return this.#proof?.mayLeave(this.#isSecurityStage) ?? true;
  }

  #respond(data: Uint8Array, transit: boolean, nextStage: number, more: boolean, status = 0): Uint8Array {
    const isFinal = transit && nextStage === LoginStage.fullFeaturePhase;
    const { first, stage } = this.#headers;
    const pdu = new Uint8Array(48 + data.length + (-data.length & 3));
    LoginResponse.write(pdu, 0, {
      opcode: Opcode.loginResponse,
      transit,
      continue: more,
      currentStage: status === 0 ? stage : 0,
      nextStage: transit ? nextStage : 0,
      dataSegmentLength: data.length,
      isid: Buffer.from(first?.isid ?? '', 'hex'),
      tsih: isFinal ? (this.#admission?.tsih ?? 0) : (first?.tsih ?? 0),
      initiatorTaskTag: this.#initiatorTaskTag,
      statSN: this.#statSN,
      expCmdSN: this.#admission?.window?.expCmdSN ?? this.#cmdSN,
      maxCmdSN: this.#admission?.window?.maxCmdSN ?? (this.#cmdSN + (this.#admission?.commandWindow ?? 1) - 1) >>> 0,
      statusClass: status >> 8,
      statusDetail: status & 0xff,
    });
    pdu.set(data, 48);
    this.#statSN = (this.#statSN + 1) >>> 0;
    return pdu;
  }

  #redirect(address: string, permanent: boolean): LoginStep {
    const status = permanent ? LoginStatus.targetMovedPermanently : LoginStatus.targetMovedTemporarily;
    // RFC 7143 §13.8: a portal group tag belongs into SendTargets only.
    const [portal = ''] = address.split(',');
    const data = encodeText([{ key: 'TargetAddress', value: portal }]);
    const error = new LoginFailure(status, `the target is at ${address}`, { code: 'ISCSI_LOGIN_REDIRECTED' });
    return { send: [this.#respond(data, false, 0, false, status)], outcome: { kind: 'failed', status, error } };
  }

  #fail(cause: unknown): LoginStep {
    const error = loginFailure(cause);
    const { status } = error;
    // RFC 7143 §4.2.4: before the login has begun, there is nothing to answer.
    const send = this.#headers.first === undefined ? [] : [this.#respond(new Uint8Array(0), false, 0, false, status)];
    return { send, outcome: { kind: 'failed', status, error } };
  }
}

function loginFailure(cause: unknown): LoginFailure {
  if (cause instanceof LoginFailure) return cause;
  if (cause instanceof ProtocolError) {
    return new LoginFailure(LoginStatus.initiatorError, cause.message, { code: cause.code, cause });
  }
  // The fault is on this side (RFC 7143 §11.13.5): the initiator may try again.
  const message = cause instanceof Error ? cause.message : String(cause);
  return new LoginFailure(LoginStatus.targetError, message, { code: 'ISCSI_LOGIN_TARGET_ERROR', cause });
}
