/**
 * The initiator's side of the login phase (RFC 7143 §6.3), without I/O: `start` gives the first Login Request, `receive` takes each
 * Login Response and gives the next request or the outcome.
 */

import { DisklessError, ProtocolError } from '../bytes/index.ts';
import { CHAP_ALGORITHMS, type ChapCredentials, InitiatorChap, isChapKey, type Random } from './chap.ts';
import { isKeyName, keyRules } from './keys.ts';
import { loginStatusText } from './login-status.ts';
import { Negotiation, type SessionType } from './negotiation.ts';
import { parseNumericalValue } from './numerical-value.ts';
import { Opcode } from './opcode.ts';
import type { Parameters, Wishes } from './parameters.ts';
import { LoginRequest, LoginResponse, LoginStage } from './pdu.ts';
import type { Pdu } from './pdu-reader.ts';
import { LOGIN_DATA_SEGMENT_LENGTH } from './target-login.ts';
import { decodeText, encodeText, TextGatherer, type TextPair } from './text.ts';

export interface InitiatorLoginOptions {
  readonly sessionType: SessionType;
  readonly initiatorName: string;
  /** Needed for a normal session. */
  readonly targetName?: string;
  /** 6 bytes (RFC 7143 §11.12.5): the same again reinstates a session. */
  readonly isid: Uint8Array;
  /** Of the session that the connection joins; 0 for a new session. */
  readonly tsih: number;
  readonly cid: number;
  readonly initiatorTaskTag: number;
  /** The CmdSN of the first command after login. */
  readonly cmdSN: number;
  readonly wishes: Wishes;
  /** CHAP: what this side proves, and what the target must prove when `target` is there. */
  readonly authentication?: {
    readonly credentials: ChapCredentials;
    readonly random: Random;
    /** What to offer, the most wanted first; all that are known when not given. */
    readonly algorithms?: readonly number[];
  };
}

export type InitiatorLoginOutcome =
  | { readonly kind: 'continue' }
  | {
      readonly kind: 'complete';
      readonly parameters: Parameters;
      readonly tsih: number;
      readonly targetPortalGroupTag: number | undefined;
      readonly targetAlias: string | undefined;
      /** StatSN that the next response will carry, and the target's command window. */
      readonly expStatSN: number;
      readonly expCmdSN: number;
      readonly maxCmdSN: number;
    }
  /** `address`: `host:port` or `[ipv6]:port`, perhaps with `,tag` behind it. */
  | { readonly kind: 'redirected'; readonly address: string; readonly permanent: boolean }
  | { readonly kind: 'failed'; readonly error: DisklessError };

export interface InitiatorLoginStep {
  /** A whole PDU to send, if any. */
  readonly send: Uint8Array | undefined;
  readonly outcome: InitiatorLoginOutcome;
}

const MAX_RESPONSES = 64;

/** The only one that there is (RFC 7143 §11.12.4). */
const VERSION = 0;

function unexpected(message: string): never {
  throw new ProtocolError('ISCSI_LOGIN_UNEXPECTED', message);
}

/** What a target says of itself must be its own to say, and readable. */
function checkDeclaration({ key, value }: TextPair): void {
  const invalid = (why: string): never => {
    throw new ProtocolError('ISCSI_KEY_INVALID', `${key}=${value} ${why}`);
  };
  if (isKeyName(key) && keyRules[key].senders === 'initiator') invalid('is not for a target to send');
  // RFC 7143 §13.9
  if (key === 'TargetPortalGroupTag' && parseNumericalValue(value, 0, 65_535) === undefined) {
    invalid('is not from 0 to 65535');
  }
}

export class InitiatorLogin {
  readonly #options: InitiatorLoginOptions;
  readonly #negotiation: Negotiation;
  readonly #gatherer = new TextGatherer();
  readonly #chap: InitiatorChap | undefined;
  #chapChosen = false;
  #stage: number = LoginStage.securityNegotiation;
  /** The stage that the last request asks for; the current one where it asks for none. */
  #asked: number = LoginStage.securityNegotiation;
  #offersSent = false;
  #expStatSN = 0;
  #responses = 0;
  readonly #learned = new Map<string, string>();

  constructor(options: InitiatorLoginOptions) {
    this.#options = options;
    this.#negotiation = new Negotiation(options.wishes, options.sessionType);
    const { authentication } = options;
    if (authentication !== undefined) {
      this.#chap = new InitiatorChap(
        authentication.credentials,
        authentication.random,
        authentication.algorithms ?? CHAP_ALGORITHMS,
      );
    }
  }

  start(): Uint8Array {
    const { initiatorName, targetName, sessionType } = this.#options;
    const keys: TextPair[] = [
      { key: 'InitiatorName', value: initiatorName },
      { key: 'SessionType', value: sessionType },
      { key: 'AuthMethod', value: this.#authMethods() },
    ];
    if (targetName !== undefined) keys.splice(1, 0, { key: 'TargetName', value: targetName });
    return this.#request(keys);
  }

  /** Whoever wants the target to prove itself does not take None for an answer. */
  #authMethods(): string {
    const { authentication } = this.#options;
    if (authentication === undefined) return 'None';
    return authentication.credentials.target === undefined ? 'CHAP,None' : 'CHAP';
  }

  /** Takes a Login Response. Protocol errors of the target end in the outcome `failed`. */
  receive(pdu: Pdu): InitiatorLoginStep {
    try {
      return this.#receive(pdu);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return { send: undefined, outcome: { kind: 'failed', error } };
    }
  }

  #receive(pdu: Pdu): InitiatorLoginStep {
    if ((pdu.header[0] ?? 0) % 64 !== Opcode.loginResponse) {
      unexpected('the target answered a Login Request with another PDU');
    }
    this.#responses += 1;
    if (this.#responses > MAX_RESPONSES) {
      throw new ProtocolError('ISCSI_LOGIN_ENDLESS', `no end of the login after ${MAX_RESPONSES} responses`);
    }
    const header = LoginResponse.view(pdu.header);
    const { initiatorTaskTag } = this.#options;
    if (header.initiatorTaskTag !== initiatorTaskTag) {
      unexpected('a Login Response carries another Initiator Task Tag');
    }
    const status = (header.statusClass << 8) | header.statusDetail;
    const whole = this.#gatherer.add(pdu.data, header.continue && status === 0);
    if (status !== 0) return this.#ended(status, whole ?? new Uint8Array(0));
    this.#checkHeader(header);
    // StatSN counts only in responses that succeed (RFC 7143 §11.13.4).
    this.#expStatSN = (header.statSN + 1) >>> 0;
    if (whole === undefined) return this.#next(this.#message([], false));
    const answers = this.#take(decodeText(whole));
    return this.#advance(header, answers);
  }

  /** Stages and version of a response that does not refuse (RFC 7143 §6.3, §11.13). */
  #checkHeader({ versionActive, currentStage, nextStage, transit, continue: isContinued }: LoginResponse): void {
    if (versionActive !== VERSION) unexpected(`the target chose version ${versionActive}`);
    if (currentStage !== this.#stage) unexpected(`the target is in stage ${currentStage}, not ${this.#stage}`);
    if (!transit) return;
    if (isContinued) unexpected('the target goes on to another stage in the middle of a text');
    if (nextStage <= this.#stage || nextStage > this.#asked) {
      unexpected(`the target went from stage ${this.#stage} to ${nextStage}`);
    }
  }

  /** Learns what the target says; gives the answers that its own offers call for. */
  #take(pairs: readonly TextPair[]): TextPair[] {
    const answers: TextPair[] = [];
    const chapKeys = new Map<string, string>();
    for (const pair of pairs) {
      checkDeclaration(pair);
      this.#learned.set(pair.key, pair.value);
      if (pair.key === 'AuthMethod') answers.push(...this.#chooseAuthMethod(pair.value));
      else if (isChapKey(pair.key)) chapKeys.set(pair.key, pair.value);
      else {
        const answer = this.#negotiation.receive(pair);
        if (answer !== undefined) answers.push(answer);
      }
    }
    if (chapKeys.size > 0) answers.push(...this.#authenticate(chapKeys));
    return answers;
  }

  #chooseAuthMethod(value: string): TextPair[] {
    const offered = this.#authMethods();
    if (!offered.split(',').includes(value)) {
      const what = value === 'Reject' ? `refuses AuthMethod=${offered}` : `wants AuthMethod=${value}`;
      throw new ProtocolError('ISCSI_LOGIN_AUTH_FAILED', `the target ${what}`, {
        hint: 'This target lets nobody in without credentials: give a user name and a secret.',
      });
    }
    if (value !== 'CHAP' || this.#chap === undefined) return [];
    this.#chapChosen = true;
    return this.#chap.start();
  }

  #authenticate(keys: ReadonlyMap<string, string>): TextPair[] {
    if (this.#chap === undefined || !this.#chapChosen) {
      return unexpected('the target sends CHAP keys although CHAP was not chosen');
    }
    return this.#chap.receive(keys);
  }

  #advance(header: LoginResponse, answers: readonly TextPair[]): InitiatorLoginStep {
    if (header.transit) {
      if (this.#authMethods() === 'CHAP' || this.#chapChosen) this.#requireProof();
      if (header.nextStage === LoginStage.fullFeaturePhase) return this.#complete(header);
      this.#stage = header.nextStage;
    }
    return this.#next(this.#request(answers));
  }

  #requireProof(): void {
    if (this.#chap?.done === true) return;
    throw new ProtocolError('ISCSI_LOGIN_AUTH_FAILED', 'the target went on before CHAP was over');
  }

  #complete(header: LoginResponse): InitiatorLoginStep {
    const tag = this.#learned.get('TargetPortalGroupTag');
    return {
      send: undefined,
      outcome: {
        kind: 'complete',
        parameters: this.#negotiation.parameters(),
        tsih: header.tsih,
        targetPortalGroupTag: tag === undefined ? undefined : Number(tag),
        targetAlias: this.#learned.get('TargetAlias'),
        expStatSN: this.#expStatSN,
        expCmdSN: header.expCmdSN,
        maxCmdSN: header.maxCmdSN,
      },
    };
  }

  #ended(status: number, data: Uint8Array): InitiatorLoginStep {
    if (status >> 8 === 1) {
      const address = decodeText(data).find(({ key }) => key === 'TargetAddress')?.value;
      if (address !== undefined) {
        return { send: undefined, outcome: { kind: 'redirected', address, permanent: (status & 0xff) === 2 } };
      }
    }
    const { code, message, hint } = loginStatusText(status);
    const { targetName } = this.#options;
    const error = new DisklessError(code, `login${targetName === undefined ? '' : ` to ${targetName}`}: ${message}`, {
      hint,
    });
    return { send: undefined, outcome: { kind: 'failed', error } };
  }

  #next(send: Uint8Array): InitiatorLoginStep {
    return { send, outcome: { kind: 'continue' } };
  }

  /** The next request of the current stage; it asks for the next stage, but in the middle of CHAP. */
  #request(answers: readonly TextPair[]): Uint8Array {
    const keys = [...answers];
    const chapBegins = answers.some(({ key }) => key === 'CHAP_A');
    if (this.#stage === LoginStage.loginOperationalNegotiation && !this.#offersSent) {
      this.#offersSent = true;
      keys.push(...this.#negotiation.offers());
    }
    return this.#message(keys, !chapBegins);
  }

  get #followingStage(): number {
    const { securityNegotiation, loginOperationalNegotiation, fullFeaturePhase } = LoginStage;
    return this.#stage === securityNegotiation ? loginOperationalNegotiation : fullFeaturePhase;
  }

  #message(keys: readonly TextPair[], transit: boolean): Uint8Array {
    const data = encodeText(keys);
    if (data.length > LOGIN_DATA_SEGMENT_LENGTH) throw new RangeError('the login keys do not fit one PDU');
    const { isid, tsih, cid, initiatorTaskTag, cmdSN } = this.#options;
    const pdu = new Uint8Array(48 + data.length + (-data.length & 3));
    this.#asked = transit ? this.#followingStage : this.#stage;
    LoginRequest.write(pdu, 0, {
      opcode: Opcode.loginRequest,
      immediate: true,
      transit,
      currentStage: this.#stage,
      versionMax: VERSION,
      versionMin: VERSION,
      nextStage: transit ? this.#asked : 0,
      dataSegmentLength: data.length,
      isid,
      tsih,
      initiatorTaskTag,
      cid,
      cmdSN,
      expStatSN: this.#expStatSN,
    });
    pdu.set(data, 48);
    return pdu;
  }
}
