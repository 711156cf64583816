/**
 * The targets of the machines, as SLP advertises them at one address of the server (RFC 4018 §5.2): of all machines of the fleet, and of
 * every one that is asked for by name, as its target is made when it is asked for.
 */

import type { MacAddress } from '../bytes/index.ts';
import { parseServerName } from '../iscsi/server-name.ts';
import type { Advertisement, AdvertisementSource } from '../slp/advertisement.ts';
import { ANYBODY, formatTargetUrl, ISCSI_TARGET, targetAttributes } from '../slp/iscsi-target.ts';
import type { Predicate } from '../slp/predicate.ts';
import { valuesAskedFor } from '../slp/predicate-match.ts';
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

  *advertisements(predicate: Predicate | undefined, asker: string | undefined): Iterable<Advertisement> {
    const { machines, known } = this.#options;
    const atAsker = asker === undefined ? undefined : machines.at(asker);
    const asked = [...this.#askedFor(predicate), ...(atAsker === undefined ? [] : [atAsker])];
    for (const mac of new Set([...asked, ...known()])) yield this.#advertisement(mac, mac === atAsker);
  }

  *#askedFor(predicate: Predicate | undefined): Iterable<MacAddress> {
    const { machines } = this.#options;
    const targets = valuesAskedFor(predicate, 'iscsi-name');
    const initiators = [...valuesAskedFor(predicate, 'auth-name'), ...valuesAskedFor(predicate, 'boot-list')];
    for (const name of targets) yield* present(machines.byTargetName(name));
    for (const name of initiators) yield* present(machines.byInitiatorName(name));
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

function present<T>(value: T | undefined): T[] {
  return value === undefined ? [] : [value];
}
