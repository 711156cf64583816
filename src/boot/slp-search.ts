/** A search by SLP (RFC 2608 §6): the agents that were named, the directory agents that are found, and then everybody. */

import { DisklessError } from '../bytes/index.ts';
import type { Endpoint } from '../os/network.ts';
import { type AttributeTable, attributeTable, parseAttributeList } from '../slp/attribute.ts';
import type { ServiceRequest } from '../slp/body.ts';
import { type DirectoryAgent, directoryAgentsIn, servesScopes } from '../slp/directory-agent.ts';
import type { SlpMessage } from '../slp/message.ts';
import type { MulticastAnswer } from '../slp/multicast-exchange.ts';
import { DEFAULT_SCOPE, defaultTiming, ErrorCode, errorName, SLP_PORT, type SlpTiming } from '../slp/protocol.ts';
import { DIRECTORY_AGENT, SERVICE_AGENT } from '../slp/service-type.ts';
import { SlpUserAgent, type SlpUserAgentOptions } from './slp-user-agent.ts';

export interface SlpSearchOptions extends Omit<SlpUserAgentOptions, 'timing' | 'deadline'> {
  /** Items of a scope list; undefined: the default scope; none: all that are found (RFC 2608 §11.2). */
  readonly scopes?: readonly string[];
  /** Addresses of directory agents, or of service agents (RFC 4018 §4.1.3), the first to be asked first. */
  readonly agents?: readonly string[];
  /** Nobody else is asked (RFC 2610 §3). */
  readonly agentsOnly?: boolean;
  /** Milliseconds that all of it may take. */
  readonly timeout: number;
  readonly timing?: SlpTiming;
  /** One line for each step. */
  readonly onStep?: (text: string) => void;
}

/** What is looked for. */
export interface Wanted {
  readonly serviceType: string;
  readonly predicate: string;
  /** The first answer is enough. */
  readonly untilFirst?: boolean;
}

/** What one agent has told. */
export interface Told {
  readonly by: Endpoint;
  readonly urls: readonly string[];
}

/** Milliseconds before the time is over at which the last question ends: what was found until then counts. */
const TO_SPARE = 250;

/** URLs of an answer that are looked at. */
const MOST_URLS = 1000;

export class SlpSearch implements AsyncDisposable {
  readonly #options: SlpSearchOptions;
  readonly #agent: SlpUserAgent;
  readonly #timing: SlpTiming;
  #scopes: readonly string[];
  /** The first that went wrong. */
  #failure: DisklessError | undefined;

  private constructor(options: SlpSearchOptions, agent: SlpUserAgent, timing: SlpTiming) {
    this.#options = options;
    this.#agent = agent;
    this.#timing = timing;
    this.#scopes = options.scopes ?? [DEFAULT_SCOPE];
  }

  /** Raises NETWORK_ADDRESS_UNKNOWN, NETWORK_INTERFACE_UNKNOWN. */
  static async open(options: SlpSearchOptions): Promise<SlpSearch> {
    const { clock, timeout, timing = defaultTiming } = options;
    const deadline = clock.monotonic() + Math.max(0, timeout - TO_SPARE);
    return new SlpSearch(options, await SlpUserAgent.open({ ...options, timing, deadline }), timing);
  }

  step(text: string): void {
    this.#options.onStep?.(text);
  }

  /**
   * None when nobody knows any. Raises SLP_NO_ANSWER when the agents that were named are silent and nobody else may be asked; when
   * nothing is found, what one of those asked did wrong: SLP_REFUSED for an error, SLP_MESSAGE_TOO_LONG, SLP_MESSAGE_INVALID,
   * NETWORK_…; and the reason of `signal`.
   */
  async find(wanted: Wanted): Promise<readonly Told[]> {
    const told = (await this.#tell(wanted)).filter(({ urls }) => urls.length > 0);
    if (told.length === 0 && this.#failure !== undefined) throw this.#failure;
    return told;
  }

  /**
   * Everybody is asked also when a directory agent knows nothing: without IPsec it may not know who is let in (RFC 4018 §6.1), and of
   * targets that are made on demand it never hears.
   */
  async #tell(wanted: Wanted): Promise<readonly Told[]> {
    const { agents = [], agentsOnly = false } = this.#options;
    const named = await this.#askInTurn(
      agents.map((address) => ({ address, port: SLP_PORT })),
      wanted,
    );
    if (agentsOnly && named === undefined && this.#failure === undefined) throw silence(agents);
    if (agentsOnly || (named?.urls.length ?? 0) > 0) return named === undefined ? [] : [named];
    const found = await this.#findDirectoryAgents();
    const known = await this.#askInTurn(this.#withOurScopes(found), wanted);
    return known !== undefined && known.urls.length > 0 ? [known] : this.#askEverybody(wanted);
  }

  /** Until one of them answers: they are there for each other (RFC 2608 §12.3). */
  async #askInTurn(agents: readonly Endpoint[], wanted: Wanted): Promise<Told | undefined> {
    for (const agent of agents) {
      this.step(`asking ${agent.address}: ${wanted.predicate}`);
      const told = await this.ask(agent, wanted);
      if (told !== undefined) return told;
    }
    return undefined;
  }

  /** What one agent tells; undefined when it does not answer as it must. Raises the reason of `signal`. */
  async ask(by: Endpoint, wanted: Wanted): Promise<Told | undefined> {
    try {
      const message = await this.#agent.ask(by, this.#request(wanted));
      if (message === undefined) this.step(`${by.address} does not answer`);
      return message !== undefined && this.#accepts(by, message) ? this.#told(by, message) : undefined;
    } catch (error) {
      if (this.#options.signal.aborted || !(error instanceof DisklessError)) throw error;
      this.step(`${by.address}: ${error.message}`);
      this.#failure ??= error;
      return undefined;
    }
  }

  /** Attributes of a URL; undefined when the agent does not tell. Raises the reason of `signal`. */
  async attributes(by: Endpoint, url: string, tags: readonly string[]): Promise<AttributeTable | undefined> {
    const request = { kind: 'AttrRqst', previousResponders: [], url, scopes: this.#scopes, tags, spi: '' } as const;
    try {
      const message = await this.#agent.ask(by, request);
      if (message?.body.kind !== 'AttrRply' || message.body.errorCode !== ErrorCode.ok) return undefined;
      return attributeTable(parseAttributeList(message.body.attributes));
    } catch (error) {
      if (this.#options.signal.aborted || !(error instanceof DisklessError)) throw error;
      return undefined;
    }
  }

  #accepts(from: Endpoint, { body }: SlpMessage): boolean {
    if (body.kind !== 'SrvRply') return false;
    if (body.errorCode === ErrorCode.ok) return true;
    const name = errorName(body.errorCode);
    this.step(`${from.address} refuses: ${name}`);
    this.#failure ??= new DisklessError('SLP_REFUSED', `the SLP agent ${from.address} answers ${name}`, {
      hint: 'Is it in the scopes that are asked for?',
    });
    return false;
  }

  /**
   * One round: who does not answer it may still be found as a service agent. The first that serves our scopes is enough (RFC 2608
   * §6.3); where there are none yet, all are heard.
   */
  async #findDirectoryAgents(): Promise<DirectoryAgent[]> {
    const { startWait } = this.#timing;
    await this.#agent.wait(startWait * this.#options.random());
    this.step('looking for directory agents');
    const isEnough = (answer: MulticastAnswer) => this.#withOurScopes(directoryAgentsIn([answer])).length > 0;
    const agents = directoryAgentsIn(await this.#searchAgents(DIRECTORY_AGENT, isEnough));
    if (this.#scopes.length === 0) await this.#chooseScopes(agents);
    return agents;
  }

  #searchAgents(serviceType: string, isEnough: (answer: MulticastAnswer) => boolean) {
    const timing = { ...this.#timing, multicastMax: this.#timing.retry };
    return this.#agent.search(this.#request({ serviceType, predicate: '' }), { isEnough, timing });
  }

  /** RFC 2608 §11.2, RFC 2610 §4.1: those of the directory agents, else those of the service agents. */
  async #chooseScopes(agents: readonly DirectoryAgent[]): Promise<void> {
    let scopes = agents.flatMap((agent) => agent.scopes);
    if (scopes.length === 0) {
      const answers = await this.#searchAgents(SERVICE_AGENT, () => false);
      scopes = answers.flatMap(({ message }) => (message.body.kind === 'SAAdvert' ? message.body.scopes : []));
    }
    this.#scopes = scopes.length === 0 ? [DEFAULT_SCOPE] : [...new Set(scopes)];
    this.step(`scopes found: ${this.#scopes.join(', ')}`);
  }

  #withOurScopes(agents: readonly DirectoryAgent[]): Endpoint[] {
    return agents.filter((agent) => servesScopes(agent, this.#scopes)).map(({ endpoint }) => endpoint);
  }

  async #askEverybody(wanted: Wanted): Promise<Told[]> {
    this.step(`asking everybody: ${wanted.predicate}`);
    const isEnough = (answer: MulticastAnswer) => wanted.untilFirst === true && saysSomething(answer);
    const answers = await this.#agent.search(this.#request(wanted), { isEnough });
    const told: Told[] = [];
    for (const { message, from } of answers) {
      if (!this.#accepts(from, message)) continue;
      // What did not fit into its datagram, the agent tells on a connection.
      const by = { address: from.address, port: SLP_PORT };
      const whole = message.header.overflow ? await this.ask(by, wanted) : undefined;
      told.push(whole ?? this.#told(by, message));
    }
    return told;
  }

  #told(by: Endpoint, { body }: SlpMessage): Told {
    const urls = body.kind === 'SrvRply' ? body.urls.slice(0, MOST_URLS).map(({ url }) => url) : [];
    this.step(`${by.address} tells ${urls.length} URLs`);
    return { by, urls };
  }

  #request({ serviceType, predicate }: Wanted): ServiceRequest {
    return { kind: 'SrvRqst', previousResponders: [], serviceType, scopes: this.#scopes, predicate, spi: '' };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#agent[Symbol.asyncDispose]();
  }
}

/** Nobody should answer a multicast with nothing (RFC 2608 §8.2); who does so all the same ends no search. */
function saysSomething({ message: { body } }: MulticastAnswer): boolean {
  return body.kind !== 'SrvRply' || body.urls.length > 0;
}

function silence(agents: readonly string[]): DisklessError {
  return new DisklessError(
    'SLP_NO_ANSWER',
    `no SLP agent answers at ${agents.join(', ')}, and nobody else may be asked`,
    { hint: 'Are the addresses of DHCP option 78 right, and is UDP port 427 open?' },
  );
}
