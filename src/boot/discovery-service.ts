/**
 * What the discovery stage asks (RFC 4173 §6): SLP, iSNS, or a known server by SendTargets. Each of them finds ways to targets; which
 * are asked, and in which order, is the plan's to say.
 */

import type { Initiator } from '../initiator/initiator.ts';
import { formatPortal, type Portal, type TargetAddress } from '../initiator/target-address.ts';
import type { Clock } from '../os/clock.ts';
import type { Network, NetworkInterface } from '../os/network.ts';
import type { StageTrace } from './trace.ts';

export interface WantedTarget {
  readonly initiatorName: string;
  /** Undefined: whatever the initiator may boot from. */
  readonly targetName?: string;
}

/** One way to a target. */
export interface FoundTarget extends TargetAddress {
  /** As the service writes it: some name their targets as the standard does not allow. */
  readonly targetName: string;
  /** Whether the service says that this initiator can boot from it; undefined when it does not say. */
  readonly bootable?: boolean;
}

/** Where discovery services are, as far as the user or DHCP has said. */
export interface ServiceLocations {
  /** In the order in which they are asked. */
  readonly isnsServers: readonly Portal[];
  /** Addresses of SLP directory agents; agents that are named are asked instead of the multicast group. */
  readonly slpAgents: readonly string[];
  /** Empty: the default scope. */
  readonly slpScopes: readonly string[];
  /** Whether agents may be looked for by multicast (RFC 2610 §3: a DHCP server can insist on those that it names). */
  readonly slpMulticast: boolean;
}

export interface DiscoveryContext {
  readonly network: Network;
  readonly clock: Clock;
  /** Gives [0, 1). */
  readonly random: () => number;
  /** The interface that the boot goes over, as it is now; undefined when none was named and none had to be chosen. */
  readonly interface: NetworkInterface | undefined;
  readonly locations: ServiceLocations;
  /** Milliseconds that the whole search may take. */
  readonly timeout: number;
  readonly signal: AbortSignal;
  readonly trace: StageTrace;
}

export interface DiscoveryService {
  readonly name: 'slp' | 'isns' | 'sendtargets';
  /**
   * In the service's own order; empty when it knows of none. Rejects with a DisklessError of its own within `timeout` when it cannot
   * be asked or answers what it must not, and when `signal` is aborted.
   */
  findTargets(wanted: WantedTarget, context: DiscoveryContext): Promise<readonly FoundTarget[]>;
}

/** The server that is known, asked for its targets (RFC 7143 appendix C): every target with every address of it. */
export function sendTargetsService(initiator: Initiator, portal: Portal): DiscoveryService {
  return {
    name: 'sendtargets',
    async findTargets(_wanted, { signal, trace }) {
      trace.step(`SendTargets to ${formatPortal(portal)}`);
      const targets = await initiator.discover(portal, { signal });
      return targets.flatMap(({ name, addresses }) => addresses.map((address) => ({ ...address, targetName: name })));
    },
  };
}
