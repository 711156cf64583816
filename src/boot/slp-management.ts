/** Storage management services by SLP (RFC 4018 §4.2, §5.3): how a client finds the iSNS server that nobody has named. */

import { ProtocolError } from '../bytes/index.ts';
import type { Portal } from '../initiator/target-address.ts';
import { serverHost } from '../iscsi/server-name.ts';
import { ISCSI_SMS, parseManagementServiceUrl, queryForProtocol, serverPriorityOf } from '../slp/iscsi-sms.ts';
import { SlpSearch, type SlpSearchOptions } from './slp-search.ts';

/** Services that are looked at. */
const MOST = 16;

/** iSNS servers, the primary one first; none when nobody knows any. Raises what `SlpSearch` raises. */
export async function findIsnsServers(options: SlpSearchOptions): Promise<Portal[]> {
  await using search = await SlpSearch.open(options);
  const told = await search.find({ serviceType: ISCSI_SMS, predicate: queryForProtocol('isns') });
  const found = new Map<string, { readonly portal: Portal; readonly priority: number }>();
  for (const { by, urls } of told) {
    for (const url of urls) {
      const portal = found.has(url) || found.size >= MOST ? undefined : portalOf(url, search);
      if (portal === undefined) continue;
      const attributes = await search.attributes(by, url, ['server-priority']);
      const priority = attributes === undefined ? undefined : serverPriorityOf(attributes);
      found.set(url, { portal, priority: priority ?? Number.POSITIVE_INFINITY });
    }
  }
  return [...found.values()]
    .toSorted((one, other) => compare(one.priority, other.priority))
    .map(({ portal }) => portal);
}

function compare(one: number, other: number): number {
  return one === other ? 0 : one < other ? -1 : 1;
}

function portalOf(url: string, search: SlpSearch): Portal | undefined {
  try {
    const { server, port } = parseManagementServiceUrl(url);
    return { host: serverHost(server), port };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    search.step(error.message);
    return undefined;
  }
}
