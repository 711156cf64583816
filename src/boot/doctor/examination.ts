/** The doctor: looks at a network as machines that boot there would, and says what is wrong (RFC 4173 §5 to §7). */

import { DisklessError } from '../../bytes/index.ts';
import { Option } from '../../dhcp/option.ts';
import type { Initiator } from '../../initiator/initiator.ts';
import type { Clock } from '../../os/clock.ts';
import type { MachineNetwork } from '../../os/machine-network.ts';
import type { Network, NetworkInterface } from '../../os/network.ts';
import { prefixOf, routesOf } from '../dhcp-stage.ts';
import { obtainLease } from '../held-lease.ts';
import { bringUp, byOwnRoutes, configureAddress, type Reach } from '../interface-setup.ts';
import { reachByIpv6 } from '../ipv6-route.ts';
import type { Finding } from './finding.ts';
import type { Naming, Observation, SeenDhcp6, SeenDisk, SeenLease, SeenOffer, SeenRootPath } from './observation.ts';
import { type Outlook, outlooks } from './outlook.ts';
import { readRootPath } from './root-path-reading.ts';
import { rules } from './rules/index.ts';
import { seeDhcp6, takeIpv6Addresses } from './seen-dhcp6.ts';
import { seeDisk } from './seen-disk.ts';
import { seeOffers } from './seen-offers.ts';
import { seeRouters } from './seen-routers.ts';

export interface ExaminationOptions {
  readonly network: Network;
  readonly machine: MachineNetwork;
  readonly clock: Clock;
  /** Gives [0, 1). */
  readonly random: () => number;
  /** Where DHCP is asked; undefined: nowhere. */
  readonly interface: NetworkInterface | undefined;
  /** One to try beside what DHCP says. */
  readonly rootPath: SeenRootPath | undefined;
  readonly initiator: Initiator;
  /** Milliseconds to listen for offers. */
  readonly window: number;
  /** Milliseconds that one step may take. */
  readonly timeout: number;
  readonly signal: AbortSignal;
  /** What is being done, a line at a time. */
  readonly say: (line: string) => void;
}

export interface Diagnosis {
  readonly observation: Observation;
  readonly findings: readonly Finding[];
  readonly clients: readonly Outlook[];
}

/** What was set on the machine is taken back at the end. Raises NETWORK_..., MACHINE_NETWORK_FAILED, and the reason of `signal`. */
export async function examine(options: ExaminationOptions): Promise<Diagnosis> {
  await using cleanup = new AsyncDisposableStack();
  const observation = await observe(options, cleanup);
  const findings = findingsOf(observation);
  return { observation, findings, clients: outlooks(observation, findings) };
}

/** Each once: a Root Path that two clients get is wrong in one way. */
export function findingsOf(observation: Observation): Finding[] {
  const all = rules.flatMap((rule) => rule(observation));
  return [...new Map(all.map((finding) => [`${finding.code} ${finding.what}`, finding])).values()];
}

async function observe(options: ExaminationOptions, cleanup: AsyncDisposableStack): Promise<Observation> {
  const { rootPath } = options;
  const trace = { step: options.say };
  const given: Named[] = rootPath === undefined ? [] : [{ rootPath, origin: 'the user', askedAs: 'user' }];
  const chosen = options.interface;
  if (chosen === undefined) {
    const disks = await seeDisks(given, byOwnRoutes, options);
    return { offers: undefined, dhcp6: undefined, routers: undefined, lease: undefined, disks };
  }
  await bringUp(chosen, options.machine, cleanup, trace);
  options.say(`asking DHCP on ${chosen.name} as iPXE and as a plain client, and DHCPv6, and listening to routers`);
  const { network, machine, clock, random, window, signal } = options;
  const asked = { network, clock, random, interface: chosen, signal };
  const [offers, dhcp6, routers] = await Promise.all([
    seeOffers({ ...asked, window }),
    seeDhcp6({ ...asked, timeout: window }, trace),
    seeRouters({ ...asked, machine, timeout: window }, trace),
  ]);
  const leased = chosen.ipv4.length > 0 ? undefined : await takeLease(chosen, offers, options, cleanup);
  const named = [...given, ...offers.flatMap(namedIn), ...namedInAck(leased?.seen), ...namedByDhcp6(dhcp6)];
  if (dhcp6.plain.kind === 'answer' && named.some(isOverIpv6)) {
    await takeIpv6Addresses({ ...asked, timeout: window }, machine, cleanup, trace);
  }
  const reach = reachOf(chosen, leased?.reach ?? byOwnRoutes, options);
  return { offers, dhcp6, routers, lease: leased?.seen, disks: await seeDisks(named, reach, options) };
}

interface Named extends Naming {
  readonly rootPath: SeenRootPath;
}

function isOverIpv6({ askedAs, rootPath: { reading } }: Named): boolean {
  return askedAs === 'dhcp6' || (reading.kind === 'iscsi' && reading.path.server?.kind === 'ipv6');
}

/** As a boot reaches hosts; what it waits for a router fits into one step. */
function reachOf(chosen: NetworkInterface, overIpv4: Reach, options: ExaminationOptions): Reach {
  const { network, machine, clock, random, timeout, signal } = options;
  const routing = { interface: chosen, machine, clock, random, timeout: timeout / 2, signal };
  const overIpv6 = reachByIpv6(network, () => routing);
  return async (host, trace) => {
    await overIpv4(host, trace);
    await overIpv6(host, trace);
  };
}

function namedIn({ rootPath, server, askedAs }: SeenOffer): Named[] {
  return rootPath === undefined ? [] : [{ rootPath, origin: `the offer of ${server}`, askedAs }];
}

/** What no offer says, and a client that does not look for it there gets all the same. */
function namedInAck(lease: SeenLease | undefined): Named[] {
  if (lease?.rootPathInAck === undefined || lease.rootPathInOffer !== undefined) return [];
  const rootPath = readRootPath(new TextEncoder().encode(lease.rootPathInAck));
  return [{ rootPath, origin: `the acknowledgement of ${lease.server}`, askedAs: 'plain' }];
}

function namedByDhcp6({ plain }: SeenDhcp6): Named[] {
  if (plain.kind === 'none' || plain.rootPath === undefined) return [];
  return [{ rootPath: plain.rootPath, origin: `DHCPv6 of ${plain.server}`, askedAs: 'dhcp6' }];
}

/** The same Root Path is one disk, whoever names it. */
async function seeDisks(named: readonly Named[], reach: Reach, options: ExaminationOptions): Promise<SeenDisk[]> {
  const { say } = options;
  const search = { ...options, reach: (host: string) => reach(host, { step: say }) };
  const disks: SeenDisk[] = [];
  for (const [text, [first, ...others]] of Map.groupBy(named, ({ rootPath }) => rootPath.text)) {
    if (first?.rootPath.reading.kind !== 'iscsi') continue;
    say(`trying ${text}`);
    const namings = [first, ...others].map(({ origin, askedAs }) => ({ origin, askedAs }));
    disks.push(await seeDisk({ path: first.rootPath.reading.path, text, namings }, search));
  }
  return disks;
}

/** Without an address nothing can be tried: takes the lease that a boot would, for as long as the examination lasts. */
async function takeLease(
  chosen: NetworkInterface,
  offers: readonly SeenOffer[],
  options: ExaminationOptions,
  cleanup: AsyncDisposableStack,
): Promise<{ readonly seen: SeenLease; readonly reach: Reach } | undefined> {
  if (!offers.some(({ kind }) => kind === 'address')) return undefined;
  const { network, machine, clock, random, timeout, signal, say } = options;
  const client = { hardwareAddress: chosen.mac, timeout };
  try {
    const asked = { network, clock, random, interface: chosen.name, client, signal };
    const { held, lease } = await obtainLease(asked, { step: say });
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
      rootPathInAck: reply.options.find(Option.rootPath),
      rootPathInOffer: offer?.options.find(Option.rootPath),
    };
    return { seen, reach: await configureAddress(chosen, given, machine, cleanup, { step: say }) };
  } catch (error) {
    if (signal.aborted || !(error instanceof DisklessError) || !error.code.startsWith('DHCP_')) throw error;
    say(`${error.message} (${error.code})`);
    return undefined;
  }
}
