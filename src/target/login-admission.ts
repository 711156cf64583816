/** Whether an initiator is let in, and to what: what a target decides once a Login Request has said who wants what (RFC 7143 §6.3). */

import type { ChapDemand } from '../iscsi/chap.ts';
import type { LoginIdentity } from '../iscsi/login-request.ts';
import { type IscsiName, parseIscsiName } from '../iscsi/name.ts';
import { LoginStatus } from '../iscsi/pdu.ts';
import { formatTargetAddress } from '../iscsi/portal-address.ts';
import type { GuessLimit } from '../iscsi/target-authentication.ts';
import type { Admission } from '../iscsi/target-login.ts';
import type { AuthenticationFailures } from './authentication-failures.ts';
import type { Asker, GuardedTarget, TargetDirectory } from './directory.ts';
import type { ConnectionEnds } from './portal-group.ts';
import { COMMAND_WINDOW, type Session } from './session.ts';
import { Target } from './target.ts';

export interface AdmissionOptions {
  readonly directory: TargetDirectory;
  readonly authenticationFailures: AuthenticationFailures;
  /** False while the portal closes: logins are then refused. */
  readonly isOpen: () => boolean;
  /** The normal sessions of the portal. */
  readonly sessions: ReadonlySet<Session>;
  readonly maximumSessions: number;
}

export interface LoginDecision {
  readonly admission: Admission;
  /** The target that the login asked for, where it was let in to one. */
  readonly target?: Target;
  /** The session that the connection is to be added to. */
  readonly joined?: Session;
}

/** The only handle of discovery sessions, which nobody can join. */
const DISCOVERY_TSIH = 1;

/** Never rejects: what the directory raises refuses the login. */
export async function decideLogin(
  identity: LoginIdentity,
  { remote, local }: ConnectionEnds,
  options: AdmissionOptions,
): Promise<LoginDecision> {
  if (!options.isOpen()) return refuse(LoginStatus.serviceUnavailable, 'the portal is closing');
  const initiatorName = preparedName(identity.initiatorName);
  if (initiatorName === undefined) {
    return refuse(LoginStatus.initiatorError, `"${identity.initiatorName}" is no iSCSI name`);
  }
  const asker = { initiatorName, isid: identity.isid, remote, local };
  const guesses = options.authenticationFailures.limitOf(remote.address, initiatorName);
  // RFC 7143 §13.21: a discovery session has one connection.
  if (identity.sessionType === 'Discovery' && identity.tsih !== 0) {
    return refuse(LoginStatus.sessionDoesNotExist, 'nobody can join a discovery session');
  }
  const targetName = identity.targetName === undefined ? undefined : preparedName(identity.targetName);
  if (identity.targetName !== undefined && targetName === undefined) {
    return refuse(LoginStatus.notFound, `"${identity.targetName}" is no iSCSI name`);
  }
  try {
    if (targetName === undefined) return admitToDiscovery(options.directory, asker, guesses);
    const found = await options.directory.find(targetName, asker);
    if (found === undefined) return refuse(LoginStatus.notFound, `there is no target ${targetName}`);
    if (!(found instanceof Target) && 'redirectTo' in found) {
      const { redirectTo, permanent } = found;
      const address = formatTargetAddress(redirectTo.address, redirectTo.port);
      return { admission: { kind: 'redirect', address, permanent } };
    }
    // On the wire the same as a target that does not exist: a name is not to be had by guessing.
    if ('refused' in found) return refuse(LoginStatus.notFound, `${targetName} is not for it: ${found.refused}`);
    if ('removed' in found) return refuse(LoginStatus.targetRemoved, `${targetName} was removed: ${found.removed}`);
    const guarded = found instanceof Target ? { target: found } : found;
    return admitToTarget(guarded, initiatorName, identity, guesses, options);
  } catch (error) {
    const what = targetName === undefined ? 'discovery' : `target ${targetName}`;
    const reason = error instanceof Error ? error.message : String(error);
    return refuse(LoginStatus.serviceUnavailable, `${what} cannot be served: ${reason}`);
  }
}

function admitToDiscovery(directory: TargetDirectory, asker: Asker, guesses: GuessLimit): LoginDecision {
  const authentication = directory.identities?.(asker);
  const anonymousAllowed = authentication?.isRequired !== true;
  const proof = authentication === undefined ? {} : { authentication, anonymousAllowed, guesses };
  return { admission: { kind: 'accept', tsih: DISCOVERY_TSIH, commandWindow: 1, ...proof } };
}

function admitToTarget(
  { target, authentication }: GuardedTarget,
  initiatorName: IscsiName,
  identity: LoginIdentity,
  guesses: GuessLimit,
  { sessions, maximumSessions }: AdmissionOptions,
): LoginDecision {
  const existing = target.findSession(initiatorName, identity.isid);
  const joined = identity.tsih === 0 ? undefined : existing;
  if (identity.tsih !== 0 && joined?.tsih !== identity.tsih) {
    return refuse(LoginStatus.sessionDoesNotExist, `there is no session ${identity.tsih}`);
  }
  if (joined?.connections.hasRoomFor(identity.cid) === false) {
    const reason = `the session has its ${joined.parameters.maxConnections} connections`;
    return refuse(LoginStatus.tooManyConnections, reason);
  }
  // A new session in the place of an old one needs no room.
  if (existing === undefined && sessions.size >= maximumSessions) {
    return refuse(LoginStatus.outOfResources, `the portal has ${maximumSessions} sessions already`);
  }
  const tsih = joined?.tsih ?? target.newTsih();
  if (tsih === undefined) return refuse(LoginStatus.outOfResources, 'every session handle of the target is in use');
  const demand = joined === undefined ? authentication : demandOf(joined, authentication);
  const admission: Admission = {
    kind: 'accept',
    tsih,
    commandWindow: COMMAND_WINDOW,
    ...(joined === undefined ? {} : { window: joined.window }),
    ...(target.alias === undefined ? {} : { targetAlias: target.alias }),
    ...(demand === undefined ? {} : { authentication: demand, guesses }),
  };
  return { admission, target, ...(joined === undefined ? {} : { joined }) };
}

/** All connections of a session prove to be the same one (RFC 7143 §9.2). */
function demandOf({ authenticatedAs }: Session, authentication: ChapDemand | undefined): ChapDemand | undefined {
  if (authentication === undefined && authenticatedAs === undefined) return undefined;
  const initiators = authentication?.initiators.filter(({ name }) => name === authenticatedAs) ?? [];
  return { ...authentication, initiators };
}

function refuse(status: number, reason: string): LoginDecision {
  return { admission: { kind: 'refuse', status, reason } };
}

export function preparedName(text: string): IscsiName | undefined {
  try {
    return parseIscsiName(text);
  } catch {
    return undefined;
  }
}
