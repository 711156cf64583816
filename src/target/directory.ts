/** Which targets there are, and for whom: what a portal asks its owner. */

import type { Awaitable } from '../block/device.ts';
import type { Endpoint } from '../os/network.ts';
import type { Target } from './target.ts';

/** Who wants to know. */
export interface Asker {
  /** A prepared iSCSI name. */
  readonly initiatorName: string;
  /** Six bytes as twelve hex digits. */
  readonly isid: string;
  readonly remote: Endpoint;
  readonly local: Endpoint;
}

/** Sends the initiator to another portal (RFC 7143 §11.13.5, status class 1). */
export interface Redirect {
  /** `ip:port` of the other portal; clients fail without the port. */
  readonly redirectTo: string;
  readonly permanent: boolean;
}

export interface TargetDirectory {
  /** The names of the targets that the asker may use: what SendTargets answers. */
  names(asker: Asker): Awaitable<readonly string[]>;
  /**
   * The target of a name, which may be made now. Undefined: there is none for this asker. A rejection refuses the login as "service
   * unavailable".
   */
  find(name: string, asker: Asker): Awaitable<Target | Redirect | undefined>;
}

/** A directory of targets that everybody may use. */
export function openDirectory(targets: readonly Target[]): TargetDirectory {
  const byName = new Map(targets.map((target) => [target.name, target]));
  return { names: () => [...byName.keys()], find: (name) => byName.get(name) };
}
