/**
 * The targets of the machines, as SLP advertises them at one address of the server (RFC 4018 §5.2): of all machines of the fleet, and of
 * every one that is asked for by name, as its target is made when it is asked for.
 */

import { type MacAddress, ProtocolError } from '../bytes/index.ts';
import { parseServerName } from '../iscsi/server-name.ts';
import type { Advertisement, AdvertisementSource, Inquiry } from '../slp/advertisement.ts';
import { ANYBODY, formatTargetUrl, ISCSI_TARGET, parseTargetUrl, targetAttributes } from '../slp/iscsi-target.ts';
import { valuesAskedFor, valuesRequired } from '../slp/predicate-match.ts';
import { ENGLISH } from '../slp/protocol.ts';
import { PORTAL_GROUP_TAG } from '../target/target.ts';
import type { Machines } from './machines.ts';

export interface FleetAdvertisementsOptions {
  readonly machines: Machines;
  /** Hardware addresses of all machines that were ever seen. */
  readonly known: () => Iterable<MacAddress>;
  /** Where the targets are served: an IPv4 literal, or one of IPv6 in brackets. */
  readonly host: string;
  readonly port: number;
  /** Items of a scope list. */
  readonly scopes: readonly string[];
}

/** Seconds: a target stays where it is for as long as the server runs, and what outlives that is told to go. */
const LIFETIME = 1800;

export class FleetAdvertisements implements AdvertisementSource {
  readonly #options: FleetAdvertisementsOptions;

  constructor(options: FleetAdvertisementsOptions) {
    this.#options = options;
  }

  *advertisements(inquiry: Inquiry): Iterable<Advertisement> {
    const { asker } = inquiry;
    const atAsker = asker === undefined ? undefined : this.#options.machines.at(asker);
    for (const mac of new Set(this.#meant(inquiry, atAsker))) yield this.#advertisement(mac, mac === atAsker);
  }

  /** When a thousand machines ask for one target each, none of their questions is to look at a thousand targets. */
  #meant({ predicate, url }: Inquiry, atAsker: MacAddress | undefined): Iterable<MacAddress> {
    if (url !== undefined) return this.#byTargetNames(targetNamesIn(url));
    const targets = valuesRequired(predicate, 'iscsi-name');
    if (targets !== undefined) return this.#byTargetNames(targets);
    const initiators = valuesRequired(predicate, 'auth-name') ?? valuesRequired(predicate, 'boot-list');
    const own = atAsker === undefined ? [] : [atAsker];
    if (initiators !== undefined) return [...this.#byInitiatorNames(initiators), ...own];
    return [
      ...this.#byTargetNames(valuesAskedFor(predicate, 'iscsi-name')),
      ...this.#byInitiatorNames(valuesAskedFor(predicate, 'auth-name')),
      ...this.#byInitiatorNames(valuesAskedFor(predicate, 'boot-list')),
      ...own,
      ...this.#options.known(),
    ];
  }

  #byTargetNames(names: readonly string[]): MacAddress[] {
    return names.flatMap((name) => this.#options.machines.byTargetName(name) ?? []);
  }

  #byInitiatorNames(names: readonly string[]): MacAddress[] {
    return names.flatMap((name) => this.#options.machines.byInitiatorName(name) ?? []);
  }

  /** Who is at a machine's address is let in under any name, as SendTargets has it. */
  #advertisement(mac: MacAddress, isAsker: boolean): Advertisement {
    const { machines, host, port, scopes } = this.#options;
    const { targetName, initiatorName, hostName } = machines.diskOf(mac);
    const allowed = [isAsker ? ANYBODY : initiatorName];
    return {
      url: formatTargetUrl({ server: parseServerName(host), port, targetName }),
      serviceType: ISCSI_TARGET,
      scopes,
      languageTag: ENGLISH,
      lifetime: LIFETIME,
      attributes: targetAttributes({
        targetName,
        portalGroupTag: PORTAL_GROUP_TAG,
        alias: hostName ?? `diskless ${mac}`,
        initiatorNames: allowed,
        initiatorAddresses: [ANYBODY],
        credentials: [ANYBODY],
        bootList: allowed,
      }),
    };
  }
}

/** None for the URL of another service. */
function targetNamesIn(url: string): string[] {
  try {
    return [parseTargetUrl(url).targetName];
  } catch (error) {
    if (error instanceof ProtocolError) return [];
    throw error;
  }
}
