/**
 * The headers of one login's requests, as the target sees them (RFC 7143 §11.12): what the first one says every further one must
 * repeat, and a login goes through its stages in their order, to an end.
 */

import { LoginFailure } from './login-request.ts';
import { RESERVED_TAG } from './opcode.ts';
import { type LoginRequest, LoginStage, LoginStatus } from './pdu.ts';

export type NegotiationStage = typeof LoginStage.securityNegotiation | typeof LoginStage.loginOperationalNegotiation;

/** What the first request says for the whole login. */
export interface FirstLoginHeader {
  /** Six bytes as hex. */
  readonly isid: string;
  readonly tsih: number;
  readonly cid: number;
  readonly initiatorTaskTag: number;
  readonly cmdSN: number;
}

/** More requests than any sound initiator needs: a login that never ends is ended. */
const MAX_REQUESTS = 64;

export class LoginHeaders {
  #first: FirstLoginHeader | undefined;
  #stage: NegotiationStage = LoginStage.securityNegotiation;
  #requests = 0;

  /** Undefined until a request has come. */
  get first(): FirstLoginHeader | undefined {
    return this.#first;
  }

  /** In which the next request must be. */
  get stage(): NegotiationStage {
    return this.#stage;
  }

  /** Raises LoginFailure for what is no stage of a negotiation. */
  enter(stage: number): void {
    this.#stage = stageOf(stage);
  }

  /** Takes the header of the next request. Raises LoginFailure. */
  check(header: LoginRequest): void {
    this.#requests += 1;
    if (this.#requests > MAX_REQUESTS) refuse('the login does not come to an end');
    this.#checkRepetition(header, this.#first ?? this.#begin(header));
    if (header.transit) checkTransition(header);
  }

  #begin(header: LoginRequest): FirstLoginHeader {
    const { tsih, cid, initiatorTaskTag, cmdSN } = header;
    const first = { isid: isidOf(header), tsih, cid, initiatorTaskTag, cmdSN };
    this.#first = first;
    this.enter(header.currentStage);
    if (header.versionMin > 0) {
      throw new LoginFailure(LoginStatus.unsupportedVersion, `iSCSI version ${header.versionMin} is not supported`);
    }
    return first;
  }

  #checkRepetition(header: LoginRequest, first: FirstLoginHeader): void {
    const { tsih, cid, initiatorTaskTag, currentStage } = header;
    // RFC 7143 §11.2.1.8: the tag that means "none" is no task's.
    if (initiatorTaskTag === RESERVED_TAG) refuse('the Initiator Task Tag is the reserved one');
    if (isidOf(header) !== first.isid || tsih !== first.tsih || cid !== first.cid) {
      refuse('ISID, TSIH or CID changed during the login');
    }
    if (initiatorTaskTag !== first.initiatorTaskTag) refuse('the Initiator Task Tag changed during the login');
    if (currentStage !== this.#stage) refuse(`a request of stage ${currentStage} in stage ${this.#stage}`);
  }
}

function checkTransition({ continue: hasMore, currentStage, nextStage }: LoginRequest): void {
  if (hasMore) refuse('the T and the C bit are both set');
  if (nextStage <= currentStage || nextStage === 2) {
    refuse(`no transition from stage ${currentStage} to ${nextStage} exists`);
  }
}

function isidOf({ isid }: LoginRequest): string {
  return Buffer.from(isid).toString('hex');
}

function stageOf(value: number): NegotiationStage {
  if (value === LoginStage.securityNegotiation || value === LoginStage.loginOperationalNegotiation) return value;
  return refuse(`a login cannot be in stage ${value}`);
}

function refuse(reason: string): never {
  throw new LoginFailure(LoginStatus.initiatorError, reason);
}
