/** A directory agent as others know it from its advertisement (RFC 2608 §8.5, §12.2). */

import { isIpv4, ProtocolError } from '../bytes/index.ts';
import { attributeTable, parseAttributeList } from './attribute.ts';
import type { DirectoryAgentAdvertisement } from './body.ts';
import type { SlpEndpoint } from './endpoint.ts';
import type { MulticastAnswer } from './multicast-exchange.ts';
import { ErrorCode, SLP_PORT } from './protocol.ts';
import { DIRECTORY_AGENT } from './service-type.ts';
import { folded, itemsInBoth } from './text.ts';

export interface DirectoryAgent {
  readonly url: string;
  readonly endpoint: SlpEndpoint;
  readonly scopes: readonly string[];
  /** Seconds since 1970; a greater one than before: it has lost its registrations. 0: it is going down. */
  readonly bootTimestamp: number;
  /** Milliseconds between two registrations of one service. */
  readonly minimumRefreshInterval: number;
}

/** The address in its URL counts, and that it was sent from where the URL has a name. Undefined for what names no agent. */
export function directoryAgentOf(body: DirectoryAgentAdvertisement, from: SlpEndpoint): DirectoryAgent | undefined {
  const prefix = `${DIRECTORY_AGENT}://`;
  if (body.errorCode !== ErrorCode.ok || folded(body.url.slice(0, prefix.length)) !== prefix) return undefined;
  if (body.scopes.length === 0) return undefined;
  const host = body.url.slice(prefix.length).replace(/\/$/, '');
  const literal = /^\[([0-9A-Fa-f:.]+)\]$/.exec(host)?.[1] ?? host;
  const address = isIpv4(literal) || literal !== host ? literal : from.address;
  const { url, scopes, bootTimestamp } = body;
  const endpoint = { address, port: SLP_PORT };
  return { url, endpoint, scopes, bootTimestamp, minimumRefreshInterval: refreshInterval(body.attributes) };
}

/** Agents that have advertised themselves in answers, without those that are going down. */
export function directoryAgentsIn(answers: readonly MulticastAnswer[]): DirectoryAgent[] {
  return answers.flatMap(({ message, from }) => {
    const agent = message.body.kind === 'DAAdvert' ? directoryAgentOf(message.body, from) : undefined;
    return agent === undefined || agent.bootTimestamp === 0 ? [] : [agent];
  });
}

/** One whose scopes cannot be read is of none. */
export function servesScopes(agent: DirectoryAgent, scopes: readonly string[]): boolean {
  try {
    return itemsInBoth(scopes, agent.scopes).length > 0;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}

function refreshInterval(attributes: string): number {
  try {
    const value = attributeTable(parseAttributeList(attributes)).get('min-refresh-interval')?.values[0];
    return value?.kind === 'integer' && value.value > 0 ? value.value * 1000 : 0;
  } catch {
    // Attributes that cannot be read say nothing.
    return 0;
  }
}
