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
import type { Asker, DiscoveryDemand, Found, TargetDirectory } from './directory.ts';
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

export interface AccessListOptions {
  /**
   * Who has proved nothing in its discovery session sees only what needs no proof, and where that is nothing, it is refused. By default
   * it sees what it might use with proof, which it may still give in the login: most initiators that are set up with a secret have it
   * for the login only.
   */
  readonly discoveryNeedsProof?: boolean;
}

/** The first grant that fits an asker counts. */
export class AccessList implements TargetDirectory {
  readonly #grants: readonly Grant[];
  readonly #discoveryNeedsProof: boolean;

  constructor(grants: readonly Grant[], { discoveryNeedsProof = false }: AccessListOptions = {}) {
    this.#grants = grants;
    this.#discoveryNeedsProof = discoveryNeedsProof;
  }

  names(asker: Asker): readonly string[] {
    return this.#usable(asker).flatMap((grant) => (this.#shows(grant, asker) ? [grant.target.name] : []));
  }

  /** Initiators that are set up with a secret often use it for discovery as well. */
  identities(asker: Asker): DiscoveryDemand | undefined {
    const usable = this.#usable(asker);
    const demands = usable.flatMap(({ authentication }) => authentication ?? []);
    const target = demands.find((demand) => demand.target !== undefined)?.target;
    if (demands.length === 0) return undefined;
    return {
      initiators: demands.flatMap(({ initiators }) => initiators),
      ...(target === undefined ? {} : { target }),
      isRequired: this.#discoveryNeedsProof && demands.length === usable.length,
    };
  }

  /** What `find` gives for each name. */
  #usable(asker: Asker): readonly Grant[] {
    const byName = new Map<string, Grant>();
    for (const grant of this.#grants) {
      const { name } = grant.target;
      if (!byName.has(name) && refusal(grant, asker) === undefined) byName.set(name, grant);
    }
    return [...byName.values()];
  }

  /** Whether a grant is for who has given this proof, or none. */
  #shows({ authentication }: Grant, { provenName }: Asker): boolean {
    if (authentication === undefined) return true;
    if (provenName === undefined) return !this.#discoveryNeedsProof;
    return authentication.initiators.some(({ name }) => name === provenName);
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

/** Why a grant does not open its target to an asker; undefined when it does. */
function refusal({ initiators, networks }: Grant, { initiatorName, remote }: Asker): string | undefined {
  if (initiators?.includes(initiatorName) === false) return `${initiatorName} is not among its initiators`;
  if (networks?.some((network) => inIpNetwork(remote.address, network)) === false) {
    return `${remote.address} is in none of its networks`;
  }
  return undefined;
}
