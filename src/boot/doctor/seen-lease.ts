/** The lease that a doctor without an address takes, as a boot would (RFC 2131 §3.1). */

import { DisklessError } from '../../bytes/index.ts';
import { Option } from '../../dhcp/option.ts';
import type { Clock } from '../../os/clock.ts';
import type { MachineNetwork } from '../../os/machine-network.ts';
import type { Network, NetworkInterface } from '../../os/network.ts';
import { prefixOf, routesOf } from '../dhcp-stage.ts';
import { obtainLease } from '../held-lease.ts';
import { configureAddress, type Reach } from '../interface-setup.ts';
import { timesOfDhcp, underLease } from '../leased-address.ts';
import type { StageTrace } from '../trace.ts';
import type { SeenLease, SeenOffer } from './observation.ts';

export interface LeaseQuestion {
  readonly network: Network;
  readonly machine: MachineNetwork;
  readonly clock: Clock;
  /** Gives [0, 1). */
  readonly random: () => number;
  readonly interface: NetworkInterface;
  /** Milliseconds. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

export interface TakenLease {
  readonly seen: SeenLease;
  readonly reach: Reach;
}

/** Without an address nothing can be tried: takes the lease that a boot would, for as long as the examination lasts. */
export async function takeLease(
  { interface: chosen, network, machine, clock, random, timeout, signal }: LeaseQuestion,
  offers: readonly SeenOffer[],
  cleanup: AsyncDisposableStack,
  trace: StageTrace,
): Promise<TakenLease | undefined> {
  if (!offers.some(({ kind }) => kind === 'address')) return undefined;
  const client = { hardwareAddress: chosen.mac, timeout };
  try {
    const asked = { network, clock, random, interface: chosen.name, client, signal };
    const { held, lease } = await obtainLease(asked, trace);
    cleanup.use(held);
    const { reply, offer, address, serverIdentifier: server } = lease;
    const given = {
      address,
      prefix: prefixOf(reply.options.find(Option.subnetMask)),
      routes: routesOf(reply.options.find(Option.routers), reply.options.find(Option.classlessRoutes)),
      mtu: reply.options.find(Option.interfaceMtu),
    };
    const seen = {
      server,
      address,
      nameServers: reply.options.find(Option.domainNameServers) ?? [],
      rootPathInAck: reply.options.find(Option.rootPath),
      rootPathInOffer: offer?.options.find(Option.rootPath),
    };
    const leased = underLease(machine, { held, timesOf: timesOfDhcp, clock, trace });
    return { seen, reach: await configureAddress(chosen, given, leased, cleanup, trace) };
  } catch (error) {
    if (signal.aborted || !(error instanceof DisklessError) || !error.code.startsWith('DHCP_')) throw error;
    trace.step(`${error.message} (${error.code})`);
    return undefined;
  }
}
