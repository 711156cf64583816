/** The discovery service stage by SLP (RFC 4173 §6, RFC 4018): where a target is, or which targets let this machine in. */

import { ProtocolError } from '../bytes/index.ts';
import { serverHost } from '../iscsi/server-name.ts';
import { queryForBootTargets, queryForInitiator, queryForTarget } from '../slp/iscsi-query.ts';
import { ISCSI_TARGET, parseTargetUrl, portalGroupTagOf } from '../slp/iscsi-target.ts';
import { SlpSearch, type SlpSearchOptions, type Told } from './slp-search.ts';

export interface SlpTargetSearch extends SlpSearchOptions {
  /** A prepared name: where is this target? Without one: which targets let this initiator in? */
  readonly targetName?: string;
  readonly initiatorName: string;
}

export interface SlpTarget {
  /** A name or a literal without brackets. */
  readonly host: string;
  readonly port: number;
  readonly targetName: string;
  readonly url: string;
  /** 0..65535; undefined when the agent does not say. */
  readonly portalGroupTag?: number;
  /** Whether the agent lists this initiator among those that boot from it; undefined when it was not asked. */
  readonly bootable?: boolean;
}

/** Targets whose portal group is asked for. */
const MOST_PORTAL_GROUPS = 16;

/**
 * In the order in which the agents tell them, those that the initiator may boot from first; none when nobody knows any. Raises what
 * `SlpSearch` raises.
 */
export async function findBySlp(wanted: SlpTargetSearch): Promise<SlpTarget[]> {
  const { targetName, initiatorName } = wanted;
  await using search = await SlpSearch.open(wanted);
  const told = await search.find({
    serviceType: ISCSI_TARGET,
    predicate: targetName === undefined ? queryForInitiator(initiatorName) : queryForTarget(targetName),
    untilFirst: targetName !== undefined,
  });
  const targets: SlpTarget[] = [];
  for (const one of told) targets.push(...(await targetsOf(one, search, wanted)));
  // The same target may be known to several agents.
  const distinct = [...new Map(targets.map((target) => [target.url, target])).values()];
  return distinct.toSorted((one, other) => Number(other.bootable ?? false) - Number(one.bootable ?? false));
}

async function targetsOf({ by, urls }: Told, search: SlpSearch, wanted: SlpTargetSearch): Promise<SlpTarget[]> {
  const { targetName, initiatorName } = wanted;
  const question = { serviceType: ISCSI_TARGET, predicate: queryForBootTargets(initiatorName) };
  const listed = targetName === undefined ? (await search.ask(by, question))?.urls : undefined;
  const targets: SlpTarget[] = [];
  for (const url of urls) {
    const target = targetOf(url, search, targetName);
    if (target === undefined) continue;
    // No other attribute is asked for: who may come in must not be used without IPsec (RFC 4018 §6.1).
    const asked = targets.length < MOST_PORTAL_GROUPS ? await search.attributes(by, url, ['portal-group']) : undefined;
    const portalGroupTag = asked === undefined ? undefined : portalGroupTagOf(asked);
    targets.push({
      ...target,
      ...(portalGroupTag === undefined ? {} : { portalGroupTag }),
      ...(listed === undefined ? {} : { bootable: listed.includes(url) }),
    });
  }
  return targets;
}

/** An agent that answers with another target than was asked for is not to be believed. */
function targetOf(url: string, search: SlpSearch, wanted: string | undefined): SlpTarget | undefined {
  try {
    const { server, port, targetName } = parseTargetUrl(url);
    if (wanted !== undefined && wanted !== targetName.toLowerCase()) return undefined;
    return { host: serverHost(server), port, targetName: wanted ?? targetName, url };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    search.step(error.message);
    return undefined;
  }
}
