/** Which keys an initiator may send when in a login (RFC 7143 §6.3, §12, §13). */

import { isKeyName, type KeyRule, keyRules } from './keys.ts';
import { LoginFailure } from './login-request.ts';
import { LoginStatus } from './pdu.ts';

/** Where in a login a key comes. */
export interface KeyPlace {
  readonly stage: 'security' | 'operational';
  /** In the first text of the login. */
  readonly isFirst: boolean;
  /** In the login that makes the session. */
  readonly isLeading: boolean;
}

/** What the session is for: everything in a login follows from it. */
const firstTextOnly: ReadonlySet<string> = new Set(['SessionType', 'TargetName']);

export class LoginKeys {
  readonly #seen = new Set<string>();

  /** Raises LoginFailure for a key that may not come here, or not again. */
  check(key: string, place: KeyPlace): void {
    if (this.#seen.has(key)) refuse(`${key} was sent twice`);
    this.#seen.add(key);
    if (!isKeyName(key)) return;
    const rule: KeyRule = keyRules[key];
    if (rule.senders === 'target') refuse(`${key} is the target's to send`);
    if (rule.use === 'FFPO') refuse(`${key} is for the full feature phase`);
    if (rule.stage !== 'any' && rule.stage !== place.stage) refuse(`${key} is not allowed in the ${place.stage} stage`);
    if (!place.isFirst && firstTextOnly.has(key)) refuse(`${key} comes too late`);
    // Some initiators say with every connection that its session is a normal one, which is so.
    if (rule.use === 'LO' && !place.isLeading && key !== 'SessionType') {
      refuse(`${key} is only allowed in the leading login`);
    }
  }
}

function refuse(message: string): never {
  throw new LoginFailure(LoginStatus.initiatorError, message);
}
