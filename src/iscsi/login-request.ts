/** What the first Login Request of a connection says about who wants what (RFC 7143 §6.3.1). */

import { ProtocolError } from '../bytes/index.ts';
import { MAX_VALUE_LENGTH } from './keys.ts';
import type { SessionType } from './negotiation.ts';
import { LoginStatus } from './pdu.ts';
import type { TextPair } from './text.ts';

export interface LoginIdentity {
  readonly sessionType: SessionType;
  readonly initiatorName: string;
  readonly initiatorAlias: string | undefined;
  /** Undefined in a discovery session that names none. */
  readonly targetName: string | undefined;
  /** The initiator's session id: 6 bytes as 12 hex digits. */
  readonly isid: string;
  /** 0 asks for a new session. */
  readonly tsih: number;
  readonly cid: number;
}

/** Why a login ends: the status of its last response (RFC 7143 §11.13.5), as an error of the login machine. */
export class LoginFailure extends ProtocolError {
  readonly status: number;
  constructor(status: number, message: string, options: { code?: string; cause?: unknown } = {}) {
    super(options.code ?? 'ISCSI_LOGIN_REFUSED', message, options.cause === undefined ? {} : { cause: options.cause });
    this.status = status;
  }
}

/** Raises LoginFailure when a name that must be there is missing, or is too long. */
export function identify(pairs: readonly TextPair[], isid: string, tsih: number, cid: number): LoginIdentity {
  const value = (key: string): string | undefined => {
    const found = pairs.find((pair) => pair.key === key)?.value;
    if (found === undefined || Buffer.byteLength(found) <= MAX_VALUE_LENGTH) return found;
    throw new LoginFailure(LoginStatus.initiatorError, `a value of ${key} is longer than ${MAX_VALUE_LENGTH} bytes`);
  };
  const initiatorName = value('InitiatorName');
  if (initiatorName === undefined || initiatorName === '') {
    throw new LoginFailure(LoginStatus.missingParameter, 'the first Login Request names no InitiatorName');
  }
  const sessionType = value('SessionType') ?? 'Normal';
  if (sessionType !== 'Normal' && sessionType !== 'Discovery') {
    throw new LoginFailure(LoginStatus.sessionTypeNotSupported, `SessionType=${sessionType} does not exist`);
  }
  const targetName = value('TargetName');
  if (sessionType === 'Normal' && (targetName === undefined || targetName === '')) {
    throw new LoginFailure(LoginStatus.missingParameter, 'a normal session needs a TargetName');
  }
  return { sessionType, initiatorName, initiatorAlias: value('InitiatorAlias'), targetName, isid, tsih, cid };
}
