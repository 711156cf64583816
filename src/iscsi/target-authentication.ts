/** The security stage of a login at the target (RFC 7143 §6.3.2, §12.1): which method, and what has been proved by it. */

import { type ChapDemand, type Random, TargetChap } from './chap.ts';
import { LoginFailure } from './login-request.ts';
import { LoginStatus } from './pdu.ts';
import type { TextPair } from './text.ts';

/** What a target asks for. */
export interface AuthenticationDemand {
  /** Who the initiator must prove to be; without it, nobody in particular. */
  readonly authentication?: ChapDemand;
  /** Who offers no proof is let in as well; who offers it must give it. */
  readonly anonymousAllowed?: boolean;
  /** Default: proofs may be tried without end. */
  readonly guesses?: GuessLimit;
}

/**
 * How often somebody may be wrong, over all connections. It is asked when a proof is about to be judged, not when the connection
 * begins: connections that are opened at once would each have a guess.
 */
export interface GuessLimit {
  isExhausted(): boolean;
  failed(): void;
  succeeded(): void;
}

export class TargetAuthentication {
  readonly #demand: ChapDemand | undefined;
  readonly #anonymousAllowed: boolean;
  readonly #guesses: GuessLimit | undefined;
  readonly #random: Random;
  #isMethodSettled = false;
  /** The next request must have keys of CHAP. */
  #areKeysDue = false;
  #chap: TargetChap | undefined;

  constructor({ authentication, anonymousAllowed = false, guesses }: AuthenticationDemand, random: Random) {
    this.#demand = authentication;
    this.#anonymousAllowed = anonymousAllowed;
    this.#guesses = guesses;
    this.#random = random;
  }

  get #accepted(): readonly string[] {
    if (this.#demand === undefined) return ['None'];
    return this.#anonymousAllowed ? ['CHAP', 'None'] : ['CHAP'];
  }

  /** AuthMethod: the first of the initiator's list that fits what is asked for (RFC 7143 §12.1). Raises LoginFailure. */
  chooseMethod(offered: string): string {
    const accepted = this.#accepted;
    const method = offered.split(',').find((choice) => accepted.includes(choice));
    if (this.#isMethodSettled || method === undefined) {
      throw new LoginFailure(
        LoginStatus.authenticationFailure,
        `the initiator offers AuthMethod=${offered}, and this target asks for ${accepted.join(' or ')}`,
        { code: 'ISCSI_LOGIN_AUTH_FAILED' },
      );
    }
    this.#isMethodSettled = true;
    if (this.#demand !== undefined && method === 'CHAP') this.#chap = new TargetChap(this.#demand, this.#random);
    return method;
  }

  /** Who the initiator has proved to be. */
  get provenName(): string | undefined {
    return this.#chap?.provenName;
  }

  /** Takes the CHAP keys of one request of the security stage, which may be none. Raises LoginFailure. */
  receive(keys: ReadonlyMap<string, string>): TextPair[] {
    const chap = this.#chap;
    if (chap === undefined) {
      if (keys.size === 0) return [];
      throw new LoginFailure(LoginStatus.initiatorError, 'CHAP keys without AuthMethod=CHAP');
    }
    const mayBeAbsent = !this.#areKeysDue || chap.done;
    this.#areKeysDue = true;
    return keys.size === 0 && mayBeAbsent ? [] : this.#judge(chap, keys);
  }

  #judge(chap: TargetChap, keys: ReadonlyMap<string, string>): TextPair[] {
    if (this.#guesses?.isExhausted() === true) {
      throw new LoginFailure(LoginStatus.authenticationFailure, 'the initiator has failed to authenticate too often', {
        code: 'ISCSI_LOGIN_AUTH_FAILED',
      });
    }
    try {
      const answer = chap.receive(keys);
      if (chap.done) this.#guesses?.succeeded();
      return answer;
    } catch (error) {
      const isWrong = error instanceof LoginFailure && error.status === LoginStatus.authenticationFailure;
      if (isWrong) this.#guesses?.failed();
      throw error;
    }
  }

  /** Whether what was asked for has been proved. Raises LoginFailure where it cannot be any more. */
  mayLeave(isSecurityStage: boolean): boolean {
    if (this.#demand === undefined || this.#chap?.done === true) return true;
    if (this.#anonymousAllowed && this.#chap === undefined) return true;
    if (isSecurityStage && this.#isMethodSettled) return false;
    throw new LoginFailure(LoginStatus.authenticationFailure, 'this target lets nobody in without CHAP', {
      code: 'ISCSI_LOGIN_AUTH_FAILED',
    });
  }
}
