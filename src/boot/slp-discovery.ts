/** The discovery service stage by SLP (RFC 4173 §6, RFC 4018): where a target is, or which targets let this machine in. */

import { DisklessError, ProtocolError } from '../bytes/index.ts';
import { serverHost } from '../iscsi/server-name.ts';
import type { Clock } from '../os/clock.ts';
import type { Endpoint, Network } from '../os/network.ts';
import { attributeTable, parseAttributeList } from '../slp/attribute.ts';
import type { ServiceRequest } from '../slp/body.ts';
import { type DirectoryAgent, directoryAgentOf } from '../slp/directory-agent.ts';
import { queryForBootTargets, queryForInitiator, queryForTarget } from '../slp/iscsi-query.ts';
import { ISCSI_TARGET, parseTargetUrl, portalGroupTagOf } from '../slp/iscsi-target.ts';
import type { SlpMessage } from '../slp/message.ts';
import { DEFAULT_SCOPE, defaultTiming, ErrorCode, errorName, SLP_PORT, type SlpTiming } from '../slp/protocol.ts';
import { DIRECTORY_AGENT, SERVICE_AGENT } from '../slp/service-type.ts';
import { itemsInBoth } from '../slp/text.ts';
import { SlpUserAgent } from './slp-user-agent.ts';

export interface SlpSearch {
  readonly network: Network;
  readonly clock: Clock;
  /** Gives [0, 1). */
  readonly random: () => number;
  /** This machine's own on the network that is searched: an IPv4 or IPv6 literal. */
  readonly address: string;
  /** The interface that has it; IPv6 needs it. */
  readonly interface?: string;
  /** A prepared name: where is this target? Without one: which targets let this initiator in? */
  readonly targetName?: string;
  readonly initiatorName: string;
  /** Items of a scope list; undefined: the default scope; none: all that are found (RFC 2608 §11.2). */
  readonly scopes?: readonly string[];
  /** Addresses of directory agents, or of service agents (RFC 4018 §4.1.3), the first to be asked first. */
  readonly agents?: readonly string[];
  /** Nobody else is asked (RFC 2610 §3). */
  readonly agentsOnly?: boolean;
  /** Milliseconds that all of it may take. */
  readonly timeout: number;
  readonly signal: AbortSignal;
  readonly timing?: SlpTiming;
  /** One line for each step. */
  readonly onStep?: (text: string) => void;
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

/** Milliseconds before the time is over at which the last question ends: what was found until then counts. */
const TO_SPARE = 250;

/** URLs of an answer that are looked at, and those of them whose portal group is asked for. */
const MOST_TARGETS = 1000;
const MOST_PORTAL_GROUPS = 16;

/**
 * In the order in which the agents tell them, those that the initiator may boot from first; none when nobody knows any. Raises
 * SLP_NO_ANSWER when the agents that were named are silent and nobody else may be asked; when nothing is found, what one of those
 * asked did wrong: SLP_REFUSED for an error, SLP_MESSAGE_TOO_LONG, SLP_MESSAGE_INVALID, NETWORK_…; the reason of `signal`; and what
 * opening sockets raises.
 */
export async function findBySlp(search: SlpSearch): Promise<SlpTarget[]> {
  const { clock, timeout, timing = defaultTiming } = search;
  const deadline = clock.monotonic() + Math.max(0, timeout - TO_SPARE);
  await using agent = await SlpUserAgent.open({ ...search, timing, deadline });
  return await new Discovery(search, agent, timing).targets();
}

/** What one agent has told. */
interface Told {
  readonly by: Endpoint;
  readonly urls: readonly string[];
}

class Discovery {
  readonly #search: SlpSearch;
  readonly #agent: SlpUserAgent;
  readonly #timing: SlpTiming;
  #scopes: readonly string[];
  /** The first that went wrong. */
  #failure: DisklessError | undefined;

  constructor(search: SlpSearch, agent: SlpUserAgent, timing: SlpTiming) {
    this.#search = search;
    this.#agent = agent;
    this.#timing = timing;
    this.#scopes = search.scopes ?? [DEFAULT_SCOPE];
  }

  async targets(): Promise<SlpTarget[]> {
    const { targetName, initiatorName } = this.#search;
    const told = await this.#tell(
      targetName === undefined ? queryForInitiator(initiatorName) : queryForTarget(targetName),
    );
    if (told.length === 0 && this.#failure !== undefined) throw this.#failure;
    const targets: SlpTarget[] = [];
    for (const one of told) targets.push(...(await this.#describe(one)));
    // The same target may be known to several agents.
    const distinct = [...new Map(targets.map((target) => [target.url, target])).values()];
    return distinct.toSorted((one, other) => Number(other.bootable ?? false) - Number(one.bootable ?? false));
  }

  /**
   * RFC 2608 §6: the agents that were named, then those that are found, then everybody. Also when a directory agent knows nothing:
   * without IPsec it may not know who is let in (RFC 4018 §6.1), and of targets that are made on demand it never hears.
   */
  async #tell(query: string): Promise<Told[]> {
    const { agents = [], agentsOnly = false } = this.#search;
    const named = await this.#askInTurn(
      agents.map((address) => ({ address, port: SLP_PORT })),
      query,
    );
    if (named.some(({ urls }) => urls.length > 0)) return named;
    if (agentsOnly) {
      if (named.length === 0 && this.#failure === undefined) throw silence(agents);
      return named;
    }
    const found = await this.#findDirectoryAgents();
    const known = await this.#askInTurn(this.#withOurScopes(found), query);
    return known.some(({ urls }) => urls.length > 0) ? known : this.#askEverybody(query);
  }

  /** Until one of them answers: they are there for each other (RFC 2608 §12.3). */
  async #askInTurn(agents: readonly Endpoint[], query: string): Promise<Told[]> {
    for (const agent of agents) {
      this.#step(`asking ${agent.address}: ${query}`);
      const message = await this.#ask(agent, query);
      if (message !== undefined) return [this.#told(agent, message)].filter(({ urls }) => urls.length > 0);
    }
    return [];
  }

  async #ask(to: Endpoint, query: string): Promise<SlpMessage | undefined> {
    try {
      const message = await this.#agent.ask(to, this.#request(query));
      if (message === undefined) this.#step(`${to.address} does not answer`);
      return message !== undefined && this.#accepts(to, message) ? message : undefined;
    } catch (error) {
      if (this.#search.signal.aborted || !(error instanceof DisklessError)) throw error;
      this.#step(`${to.address}: ${error.message}`);
      this.#failure ??= error;
      return undefined;
    }
  }

  #accepts(from: Endpoint, { body }: SlpMessage): boolean {
    if (body.kind !== 'SrvRply') return false;
    if (body.errorCode === ErrorCode.ok) return true;
    const name = errorName(body.errorCode);
    this.#step(`${from.address} refuses: ${name}`);
    this.#failure ??= new DisklessError('SLP_REFUSED', `the SLP agent ${from.address} answers ${name}`, {
      hint: 'Is it in the scopes that are asked for?',
    });
    return false;
  }

  /** One round: who does not answer it may still be found as a service agent. */
  async #findDirectoryAgents(): Promise<DirectoryAgent[]> {
    const { startWait, retry } = this.#timing;
    await this.#agent.wait(startWait * this.#search.random());
    this.#step('looking for directory agents');
    const body = { ...this.#request(''), serviceType: DIRECTORY_AGENT };
    const answers = await this.#agent.search(body, { timing: { ...this.#timing, multicastMax: retry } });
    const agents = answers.flatMap(({ message, from }) => {
      const agent = message.body.kind === 'DAAdvert' ? directoryAgentOf(message.body, from) : undefined;
      return agent === undefined || agent.bootTimestamp === 0 ? [] : [agent];
    });
    if (this.#scopes.length === 0) await this.#chooseScopes(agents);
    return agents;
  }

  /** RFC 2608 §11.2, RFC 2610 §4.1: those of the directory agents, else those of the service agents. */
  async #chooseScopes(agents: readonly DirectoryAgent[]): Promise<void> {
    let scopes = agents.flatMap((agent) => agent.scopes);
    if (scopes.length === 0) {
      const body = { ...this.#request(''), serviceType: SERVICE_AGENT };
      const answers = await this.#agent.search(body, { timing: { ...this.#timing, multicastMax: this.#timing.retry } });
      scopes = answers.flatMap(({ message }) => (message.body.kind === 'SAAdvert' ? message.body.scopes : []));
    }
    this.#scopes = scopes.length === 0 ? [DEFAULT_SCOPE] : [...new Set(scopes)];
    this.#step(`scopes found: ${this.#scopes.join(', ')}`);
  }

  #withOurScopes(agents: readonly DirectoryAgent[]): Endpoint[] {
    const fitting = agents.filter(({ scopes }) => itemsInBoth(this.#scopes, scopes).length > 0);
    return fitting.map(({ endpoint }) => endpoint);
  }

  async #askEverybody(query: string): Promise<Told[]> {
    this.#step(`asking everybody: ${query}`);
    const untilFirst = this.#search.targetName !== undefined;
    const answers = await this.#agent.search(this.#request(query), { untilFirst });
    const told: Told[] = [];
    for (const { message, from } of answers) {
      if (!this.#accepts(from, message)) continue;
      // What did not fit into its datagram, the agent tells on a connection.
      const by = { address: from.address, port: SLP_PORT };
      const whole = message.header.overflow ? await this.#ask(by, query) : message;
      told.push(this.#told(by, whole ?? message));
    }
    return told.filter(({ urls }) => urls.length > 0);
  }

  #told(by: Endpoint, { body }: SlpMessage): Told {
    const urls = body.kind === 'SrvRply' ? body.urls.slice(0, MOST_TARGETS).map(({ url }) => url) : [];
    this.#step(`${by.address} tells ${urls.length} URLs`);
    return { by, urls };
  }

  async #describe({ by, urls }: Told): Promise<SlpTarget[]> {
    const { targetName, initiatorName } = this.#search;
    const boot = targetName === undefined ? await this.#ask(by, queryForBootTargets(initiatorName)) : undefined;
    const listed = boot?.body.kind === 'SrvRply' ? new Set(boot.body.urls.map(({ url }) => url)) : undefined;
    const targets: SlpTarget[] = [];
    for (const url of urls) {
      const target = this.#targetOf(url);
      if (target === undefined) continue;
      const portalGroupTag = targets.length < MOST_PORTAL_GROUPS ? await this.#portalGroupTag(by, url) : undefined;
      targets.push({
        ...target,
        ...(portalGroupTag === undefined ? {} : { portalGroupTag }),
        ...(listed === undefined ? {} : { bootable: listed.has(url) }),
      });
    }
    return targets;
  }

  #targetOf(url: string): SlpTarget | undefined {
    try {
      const { server, port, targetName } = parseTargetUrl(url);
      // An agent that answers with another target than was asked for is not to be believed.
      const wanted = this.#search.targetName;
      if (wanted !== undefined && wanted !== targetName.toLowerCase()) return undefined;
      return { host: serverHost(server), port, targetName: wanted ?? targetName, url };
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#step(error.message);
      return undefined;
    }
  }

  /** No other attribute is asked for: who may come in must not be used without IPsec (RFC 4018 §6.1). */
  async #portalGroupTag(by: Endpoint, url: string): Promise<number | undefined> {
    const request = {
      kind: 'AttrRqst' as const,
      previousResponders: [],
      url,
      scopes: this.#scopes,
      tags: ['portal-group'],
      spi: '',
    };
    try {
      const message = await this.#agent.ask(by, request);
      if (message?.body.kind !== 'AttrRply' || message.body.errorCode !== ErrorCode.ok) return undefined;
      return portalGroupTagOf(attributeTable(parseAttributeList(message.body.attributes)));
    } catch (error) {
      if (this.#search.signal.aborted || !(error instanceof DisklessError)) throw error;
      return undefined;
    }
  }

  #request(predicate: string): ServiceRequest {
    return {
      kind: 'SrvRqst',
      previousResponders: [],
      serviceType: ISCSI_TARGET,
      scopes: this.#scopes,
      predicate,
      spi: '',
    };
  }

  #step(text: string): void {
    this.#search.onStep?.(text);
  }
}

function silence(agents: readonly string[]): DisklessError {
  return new DisklessError(
    'SLP_NO_ANSWER',
    `no SLP agent answers at ${agents.join(', ')}, and nobody else may be asked`,
    {
      hint: 'Are the addresses of DHCP option 78 right, and is UDP port 427 open?',
    },
  );
}
