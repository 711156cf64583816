/**
 * The target's side of the login phase (RFC 7143 §6.3), without I/O: Login Requests in, Login Responses and an outcome out. One
 * object serves one connection, until the outcome is `complete` or `failed`.
 *
 * After the first whole request the outcome is `identified`: the owner looks the target up (which may take time, a disk may have to
 * be made) and calls `admit`.
 */

import { ProtocolError, readU32 } from '../bytes/index.ts';
import { isChapKey, type Random } from './chap.ts';
import { Answer, isKeyName, type KeyRule, keyRules, withdrawnKeys } from './keys.ts';
import { identify, LoginFailure, type LoginIdentity } from './login-request.ts';
import { Negotiation } from './negotiation.ts';
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
  /** `address` is `ip:port[,tag]`: clients fail without the port. */
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

/** More requests than any sound initiator needs: a login that never ends is ended. */
const MAX_REQUESTS = 64;

type Stage = typeof LoginStage.securityNegotiation | typeof LoginStage.loginOperationalNegotiation;

export class TargetLogin {
  readonly #options: TargetLoginOptions;
  readonly #gatherer = new TextGatherer();
  /** What every request of this login must repeat. */
  #constant: { isid: string; tsih: number; cid: number; initiatorTaskTag: number } | undefined;
  #identity: LoginIdentity | undefined;
  #admission: Extract<Admission, { kind: 'accept' }> | undefined;
  #negotiation: Negotiation | undefined;
  #stage: Stage = LoginStage.securityNegotiation;
  /** What is known of who the initiator is, from its admission on. */
  #proof: TargetAuthentication | undefined;
  readonly #keysSeen = new Set<string>();
  #portalGroupTagSent = false;
  #statSN = 0;
  #cmdSN = 0;
  #requests = 0;
  /** Of the PDU that is answered next: every response carries the tag of its own request (RFC 7143 §11.13). */
  #initiatorTaskTag = 0;
  /** The request that waits for its answer, and the rest of a long answer. */
  #request: { header: LoginRequest; pairs: readonly TextPair[] } | undefined;
  #unsent: Uint8Array[] = [];
  #transitAfter: { transit: boolean; nextStage: number } | undefined;

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
    this.#initiatorTaskTag = readU32(pdu.header, 16);
    if ((pdu.header[0] ?? 0) % 64 !== Opcode.loginRequest) {
      throw new LoginFailure(
        LoginStatus.invalidDuringLogin,
        'only Login Requests may be sent before the login is over',
      );
    }
    const header = LoginRequest.view(pdu.header);
    this.#requests += 1;
    if (this.#requests > MAX_REQUESTS)
      throw new LoginFailure(LoginStatus.initiatorError, 'the login does not come to an end');
    this.#checkHeader(header);
    const whole = this.#gatherer.add(pdu.data, header.continue);
    if (whole === undefined) {
      // RFC 7143 §6.2: an empty response asks for the rest.
      this.#request = { header, pairs: [] };
      return { send: [this.#respond(new Uint8Array(0), false, 0, false)], outcome: { kind: 'continue' } };
    }
    this.#request = { header, pairs: decodeText(whole) };
    if (this.#unsent.length > 0) return this.#continueAnswer();
    if (this.#identity !== undefined) return this.#answerRequest();
    const { isid, tsih, cid } = this.#constant ?? { isid: '', tsih: 0, cid: 0 };
    this.#identity = identify(this.#request.pairs, isid, tsih, cid);
    return { send: [], outcome: { kind: 'identified', identity: this.#identity } };
  }

  #checkHeader(header: LoginRequest): void {
    const refuse = (message: string): never => {
      throw new LoginFailure(LoginStatus.initiatorError, message);
    };
    const isid = Buffer.from(header.isid).toString('hex');
    const { tsih, cid, initiatorTaskTag } = header;
    if (this.#constant === undefined) {
      this.#constant = { isid, tsih, cid, initiatorTaskTag };
      this.#stage = stageOf(header.currentStage);
      this.#cmdSN = header.cmdSN;
      if (header.versionMin > 0) {
        throw new LoginFailure(LoginStatus.unsupportedVersion, `iSCSI version ${header.versionMin} is not supported`);
      }
    }
    const constant = this.#constant;
    if (isid !== constant.isid || tsih !== constant.tsih || cid !== constant.cid) {
      refuse('ISID, TSIH or CID changed during the login');
    }
    if (initiatorTaskTag !== constant.initiatorTaskTag) refuse('the Initiator Task Tag changed during the login');
    if (header.currentStage !== this.#stage)
      refuse(`a request of stage ${header.currentStage} in stage ${this.#stage}`);
    if (!header.transit) return;
    if (header.continue) refuse('the T and the C bit are both set');
    if (header.nextStage <= header.currentStage || header.nextStage === 2) {
      refuse(`no transition from stage ${header.currentStage} to ${header.nextStage} exists`);
    }
  }

  #answerRequest(): LoginStep {
    const request = this.#request;
    const identity = this.#identity;
    if (request === undefined || identity === undefined) throw new Error('nothing has been asked');
    this.#negotiation ??= new Negotiation(this.#options.wishes, identity.sessionType);
    const answers = this.#ownKeys();
    const chapKeys = new Map<string, string>();
    for (const pair of request.pairs) {
      if (isChapKey(pair.key)) chapKeys.set(pair.key, pair.value);
      const answer = this.#answerPair(pair);
      if (answer !== undefined) answers.push(answer);
    }
    if (chapKeys.size > 0) answers.push(...this.#authenticate(chapKeys));
    if (this.#stage === LoginStage.loginOperationalNegotiation) {
      const declaration = this.#negotiation.declaration();
      if (declaration !== undefined) answers.push(declaration);
    }
    this.#unsent = splitText(encodeText(answers), LOGIN_DATA_SEGMENT_LENGTH);
    this.#transitAfter = { transit: this.#mayLeaveStage(request.header), nextStage: request.header.nextStage };
    return this.#continueAnswer();
  }

  /** Sends the next segment of the answer; the last one carries the transition, if one was asked for. */
  #continueAnswer(): LoginStep {
    const segment = this.#unsent.shift() ?? new Uint8Array(0);
    const last = this.#unsent.length === 0;
    const { transit, nextStage } = this.#transitAfter ?? { transit: false, nextStage: 0 };
    const moves = last && transit;
    const pdu = this.#respond(segment, moves, nextStage, !last);
    if (!moves) return { send: [pdu], outcome: { kind: 'continue' } };
    if (nextStage !== LoginStage.fullFeaturePhase) {
      this.#stage = stageOf(nextStage);
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
    return { kind: 'complete', identity, parameters, tsih, expCmdSN: this.#cmdSN, statSN: this.#statSN };
  }

  /** What the target says unasked, in its first response (RFC 7143 §6.3.1, §13.9). */
  #ownKeys(): TextPair[] {
    if (this.#portalGroupTagSent) return [];
    this.#portalGroupTagSent = true;
    const keys: TextPair[] = [{ key: 'TargetPortalGroupTag', value: String(this.#options.portalGroupTag) }];
    const alias = this.#admission?.targetAlias;
    if (alias !== undefined) keys.unshift({ key: 'TargetAlias', value: alias });
    return keys;
  }

  #answerPair(pair: TextPair): TextPair | undefined {
    const { key, value } = pair;
    if (this.#keysSeen.has(key)) throw new LoginFailure(LoginStatus.initiatorError, `${key} was sent twice`);
    this.#keysSeen.add(key);
    const withdrawn = withdrawnKeys.get(key);
    if (withdrawn !== undefined) return { key, value: withdrawn };
    if (isChapKey(key)) return undefined;
    if (!isKeyName(key)) return { key, value: Answer.notUnderstood };
    const rule: KeyRule = keyRules[key];
    this.#checkAllowed(key, rule);
    if (key === 'AuthMethod') return { key, value: this.#proof?.chooseMethod(value) ?? Answer.reject };
    return this.#negotiation?.receive(pair);
  }

  /** RFC 7143 §6.3: "Sending a key that is not allowed in the current stage is considered a protocol error." */
  #checkAllowed(key: string, rule: KeyRule): void {
    const stage = this.#stage === LoginStage.securityNegotiation ? 'security' : 'operational';
    if (rule.senders === 'target') throw new LoginFailure(LoginStatus.initiatorError, `${key} is the target's to send`);
    if (rule.use === 'FFPO' || (rule.stage !== 'any' && rule.stage !== stage)) {
      throw new LoginFailure(LoginStatus.initiatorError, `${key} is not allowed in the ${stage} stage`);
    }
    if (rule.use === 'LO' && (this.#constant?.tsih ?? 0) !== 0) {
      throw new LoginFailure(LoginStatus.initiatorError, `${key} is only allowed in the leading login`);
    }
  }

  #authenticate(keys: ReadonlyMap<string, string>): TextPair[] {
    const answer = this.#stage === LoginStage.securityNegotiation ? this.#proof?.receive(keys) : undefined;
    if (answer === undefined) throw new LoginFailure(LoginStatus.initiatorError, 'CHAP keys without AuthMethod=CHAP');
    return answer;
  }

  /** Nobody leaves the security stage, or goes round it, before having proved what was asked for (RFC 7143 §6.3.2). */
  #mayLeaveStage(header: LoginRequest): boolean {
    if (!header.transit) return false;
    return this.#proof?.mayLeave(this.#stage === LoginStage.securityNegotiation) ?? true;
  }

  #respond(data: Uint8Array, transit: boolean, nextStage: number, more: boolean, status = 0): Uint8Array {
    const isFinal = transit && nextStage === LoginStage.fullFeaturePhase;
    const constant = this.#constant;
    const pdu = new Uint8Array(48 + data.length + (-data.length & 3));
    LoginResponse.write(pdu, 0, {
      opcode: Opcode.loginResponse,
      transit,
      continue: more,
      currentStage: status === 0 ? this.#stage : 0,
      nextStage: transit ? nextStage : 0,
      dataSegmentLength: data.length,
      isid: Buffer.from(constant?.isid ?? '', 'hex'),
      tsih: isFinal ? (this.#admission?.tsih ?? 0) : (constant?.tsih ?? 0),
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
    const data = encodeText([{ key: 'TargetAddress', value: address }]);
    const error = new LoginFailure(status, `the target is at ${address}`, { code: 'ISCSI_LOGIN_REDIRECTED' });
    return { send: [this.#respond(data, false, 0, false, status)], outcome: { kind: 'failed', status, error } };
  }

  #fail(cause: unknown): LoginStep {
    const error = loginFailure(cause);
    const { status } = error;
    return {
      send: [this.#respond(new Uint8Array(0), false, 0, false, status)],
      outcome: { kind: 'failed', status, error },
    };
  }
}

function stageOf(value: number): Stage {
  if (value === LoginStage.securityNegotiation || value === LoginStage.loginOperationalNegotiation) return value;
  throw new LoginFailure(LoginStatus.initiatorError, `a login cannot be in stage ${value}`);
}

function loginFailure(cause: unknown): LoginFailure {
  if (cause instanceof LoginFailure) return cause;
  if (!(cause instanceof ProtocolError)) throw cause;
  return new LoginFailure(LoginStatus.initiatorError, cause.message, { code: cause.code, cause });
}
