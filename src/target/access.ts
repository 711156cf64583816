/**
 * Who may use what: a directory of grants. A grant opens one target to initiators of some names, from some networks, who may have
 * to prove who they are.
 *
 * Several grants may carry the same target name with different `Target`s: each initiator then finds its own units under that
 * name, its own disk as LUN 0. Units that initiators share belong to one `Target` that is granted to all of them: reservations
 * and task sets are the unit's.
 */

import { type IpNetwork, inIpNetwork } from '../bytes/index.ts';
import type { ChapDemand } from '../iscsi/chap.ts';
import type { Asker, Found, TargetDirectory } from './directory.ts';
import type { Target } from './target.ts';

export interface Grant {
  readonly target: Target;
  /** Prepared iSCSI names, compared exactly; undefined: all. */
  readonly initiators?: readonly string[];
  /** Where they may come from; undefined: anywhere. */
  readonly networks?: readonly IpNetwork[];
  /** Who must be proved to be one of by CHAP; undefined: nobody in particular. */
  readonly authentication?: ChapDemand;
}

/** The first grant that fits an asker counts. */
export class AccessList implements TargetDirectory {
  readonly #grants: readonly Grant[];

  constructor(grants: readonly Grant[]) {
    this.#grants = grants;
  }

  /** Who has proved nothing may still do so in the login, and sees what it might then use. */
  names(asker: Asker): readonly string[] {
    const usable = this.#grants.filter((grant) => refusal(grant, asker) === undefined && mayProve(grant, asker));
    return [...new Set(usable.map(({ target }) => target.name))];
  }

  /** Initiators that are set up with a secret often use it for discovery as well. */
  identities(asker: Asker): ChapDemand | undefined {
    const usable = this.#grants.filter((grant) => refusal(grant, asker) === undefined);
    const demands = usable.flatMap(({ authentication }) => authentication ?? []);
    const target = demands.find((demand) => demand.target !== undefined)?.target;
    if (demands.length === 0) return undefined;
    return { initiators: demands.flatMap(({ initiators }) => initiators), ...(target === undefined ? {} : { target }) };
  }

  find(name: string, asker: Asker): Found {
    let reason: string | undefined;
    for (const grant of this.#grants) {
      if (grant.target.name !== name) continue;
      const refused = refusal(grant, asker);
      if (refused === undefined) return grant;
      reason ??= refused;
    }
    return reason === undefined ? undefined : { refused: reason };
  }
}

/** Whether the proof that an asker has given, if any, opens a grant as well. */
function mayProve({ authentication }: Grant, { provenName }: Asker): boolean {
  if (authentication === undefined || provenName === undefined) return true;
  return authentication.initiators.some(({ name }) => name === provenName);
}

/** Why a grant does not open its target to an asker; undefined when it does. */
function refusal({ initiators, networks }: Grant, { initiatorName, remote }: Asker): string | undefined {
  if (initiators?.includes(initiatorName) === false) return `${initiatorName} is not among its initiators`;
  if (networks?.some((network) => inIpNetwork(remote.address, network)) === false) {
    return `${remote.address} is in none of its networks`;
  }
  return undefined;
}
