/** Every status that a Login Response can carry, as the error that a client reports (RFC 7143 §11.13.5). */

import { LoginStatus } from './pdu.ts';

interface StatusText {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

const texts = new Map<number, StatusText>([
  [
    LoginStatus.targetMovedTemporarily,
    {
      code: 'ISCSI_LOGIN_REDIRECTED',
      message: 'the target has moved for now',
      hint: 'Log in at the address it named.',
    },
  ],
  [
    LoginStatus.targetMovedPermanently,
    {
      code: 'ISCSI_LOGIN_REDIRECTED',
      message: 'the target has moved for good',
      hint: 'Change the configured address.',
    },
  ],
  [
    LoginStatus.initiatorError,
    {
      code: 'ISCSI_LOGIN_INITIATOR_ERROR',
      message: 'the target calls the login request wrong',
      hint: 'Capture the login and compare it with RFC 7143 §6.3.',
    },
  ],
  [
    LoginStatus.authenticationFailure,
    {
      code: 'ISCSI_LOGIN_AUTH_FAILED',
      message: 'the target refused the credentials, or wants some that were not given',
      hint: 'Check user name and secret on both sides.',
    },
  ],
  [
    LoginStatus.authorizationFailure,
    {
      code: 'ISCSI_LOGIN_NOT_ALLOWED',
      message: 'this initiator name is not allowed to use the target',
      hint: "Add the initiator name to the target's access list.",
    },
  ],
  [
    LoginStatus.notFound,
    {
      code: 'ISCSI_TARGET_NOT_FOUND',
      message: 'there is no target of that name',
      hint: 'Compare the name with what the server offers in a discovery session.',
    },
  ],
  [
    LoginStatus.targetRemoved,
    { code: 'ISCSI_TARGET_NOT_FOUND', message: 'the target has been removed', hint: 'Ask the server for its targets.' },
  ],
  [
    LoginStatus.unsupportedVersion,
    {
      code: 'ISCSI_LOGIN_VERSION',
      message: 'the target speaks no common version of iSCSI',
      hint: 'Only version 0 (RFC 7143) is known here.',
    },
  ],
  [
    LoginStatus.tooManyConnections,
    {
      code: 'ISCSI_LOGIN_TOO_MANY',
      message: 'the session has all the connections that it may have',
      hint: 'Log in to a new session.',
    },
  ],
  [
    LoginStatus.missingParameter,
    {
      code: 'ISCSI_LOGIN_INITIATOR_ERROR',
      message: 'the target misses a parameter in the login',
      hint: 'Initiator and target name must both be there.',
    },
  ],
  [
    LoginStatus.cannotIncludeInSession,
    {
      code: 'ISCSI_LOGIN_INITIATOR_ERROR',
      message: 'the target cannot add a connection to that session',
      hint: 'Log in to a new session.',
    },
  ],
  [
    LoginStatus.sessionTypeNotSupported,
    {
      code: 'ISCSI_LOGIN_SESSION_TYPE',
      message: 'the target does not do this type of session',
      hint: 'Discovery may be off: give the target name.',
    },
  ],
  [
    LoginStatus.sessionDoesNotExist,
    {
      code: 'ISCSI_LOGIN_SESSION_GONE',
      message: 'the target no longer knows the session',
      hint: 'Log in with TSIH 0 to start a new one.',
    },
  ],
  [
    LoginStatus.invalidDuringLogin,
    {
      code: 'ISCSI_LOGIN_INITIATOR_ERROR',
      message: 'the target got something else than a login request',
      hint: 'Capture the login and compare it with RFC 7143 §6.3.',
    },
  ],
  [
    LoginStatus.targetError,
    { code: 'ISCSI_LOGIN_TARGET_ERROR', message: 'the target failed', hint: "Look at the target's own log." },
  ],
  [
    LoginStatus.serviceUnavailable,
    {
      code: 'ISCSI_LOGIN_UNAVAILABLE',
      message: 'the target is not ready to serve',
      hint: 'Try again later.',
    },
  ],
  [
    LoginStatus.outOfResources,
    {
      code: 'ISCSI_LOGIN_UNAVAILABLE',
      message: 'the target has no room for another session',
      hint: 'Try again later, or end sessions that are no longer used.',
    },
  ],
]);

/** `status` is Status-Class << 8 | Status-Detail. A detail that is not known counts as its class's first one. */
export function loginStatusText(status: number): StatusText {
  const known = texts.get(status) ?? texts.get(status & 0xff00);
  const number = `0x${status.toString(16).padStart(4, '0')}`;
  if (known === undefined) {
    return { code: 'ISCSI_LOGIN_REFUSED', message: `login status ${number}`, hint: "Look at the target's own log." };
  }
  return { ...known, message: `${known.message} (status ${number})` };
}
