/** Which targets there are, and for whom: what a portal asks its owner. */

import type { Awaitable } from '../block/device.ts';
import type { ChapDemand } from '../iscsi/chap.ts';
import type { Endpoint } from '../os/network.ts';
import type { Target } from './target.ts';

/** Who wants to know. */
export interface Asker {
  /** A prepared iSCSI name. */
  readonly initiatorName: string;
  /** Six bytes as twelve hex digits. */
  readonly isid: string;
  /** The CHAP name that it has proved to have in its discovery session, where it gave proof. */
  readonly provenName?: string;
  readonly remote: Endpoint;
  readonly local: Endpoint;
}

/** Sends the initiator to another portal (RFC 7143 §11.13.5, status class 1). */
export interface Redirect {
  /** The other portal. */
  readonly redirectTo: Endpoint;
  readonly permanent: boolean;
}

/** A target that lets in who proves who it is. */
export interface GuardedTarget {
  readonly target: Target;
  readonly authentication?: ChapDemand;
}

/** Who may prove who they are in a discovery session. */
export interface DiscoveryDemand extends ChapDemand {
  /** Who offers no proof is refused; by default it is let in, and `names` is asked what it may see. */
  readonly isRequired?: boolean;
}

/** There is such a target, but not for this asker: the initiator learns no more than that there is none for it. */
export interface Refusal {
  /** For the owner's log. */
  readonly refused: string;
}

/**
 * There was such a target, and it will not come back: initiators that have it set up may forget it (RFC 7143 §11.13.5). Says that the
 * name was used: an answer for who could use it.
 */
export interface Removal {
  /** For the owner's log: since when, or why. */
  readonly removed: string;
}

export type Found = Target | GuardedTarget | Redirect | Refusal | Removal | undefined;

export interface TargetDirectory {
  /** The names of the targets that the asker may use: what SendTargets answers. */
  names(asker: Asker): Awaitable<readonly string[]>;
  /** Whose proof is checked in a discovery session; undefined: nobody's. */
  identities?(asker: Asker): DiscoveryDemand | undefined;
  /**
   * The target of a name, which may be made now. Undefined: there is none for this asker. A rejection refuses the login as "service
   * unavailable".
   */
  find(name: string, asker: Asker): Awaitable<Found>;
}

/** A directory of targets that everybody may use. */
export function openDirectory(targets: readonly Target[]): TargetDirectory {
  const byName = new Map(targets.map((target) => [target.name, target]));
  return { names: () => [...byName.keys()], find: (name) => byName.get(name) };
}
