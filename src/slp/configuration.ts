/** What an agent goes by: scopes and directory agents, as DHCP and its user give them (RFC 2608 §6, RFC 2610). */

import { DEFAULT_SCOPE } from './protocol.ts';

/** DHCP options 78 and 79. */
export interface SlpOfDhcp {
  /** Option 78; `mandatory`: others are not to be looked for. */
  readonly directoryAgents?: { readonly mandatory: boolean; readonly addresses: readonly string[] };
  /** Option 79: items of a scope list, or none; `mandatory`: they take the place of what the user says. */
  readonly scopes?: { readonly mandatory: boolean; readonly scopes: readonly string[] };
}

export interface SlpOfUser {
  readonly directoryAgents?: readonly string[];
  /** Items of a scope list. */
  readonly scopes?: readonly string[];
}

export interface SlpConfiguration {
  /** Items of a scope list; none: the user is to choose among all that there are (RFC 2608 §11.2). */
  readonly scopes: readonly string[];
  /** Addresses, the first to be asked first. */
  readonly directoryAgents: readonly string[];
  /** Whether directory agents may be looked for by multicast. */
  readonly mayDiscover: boolean;
}

export function configureSlp(dhcp: SlpOfDhcp, user: SlpOfUser): SlpConfiguration {
  const ofDhcp = dhcp.scopes?.scopes;
  const scopes = dhcp.scopes?.mandatory ? ofDhcp : (user.scopes ?? ofDhcp);
  const { addresses = [], mandatory = false } = dhcp.directoryAgents ?? {};
  return {
    scopes: scopes ?? [DEFAULT_SCOPE],
    directoryAgents: [...new Set([...addresses, ...(user.directoryAgents ?? [])])],
    mayDiscover: !mandatory,
  };
}
