/** The doctor: looks at a network as machines that boot there would, and says what is wrong (RFC 4173 §5 to §7). */

import type { Initiator } from '../../initiator/initiator.ts';
import type { Clock } from '../../os/clock.ts';
import type { MachineNetwork } from '../../os/machine-network.ts';
import type { Network, NetworkInterface } from '../../os/network.ts';
import { bringUp, byOwnRoutes } from '../interface-setup.ts';
import { type ClientWay, wayOverIpv4, wayOverIpv6 } from './client-way.ts';
import type { Finding } from './finding.ts';
import type {
  Naming,
  Observation,
  SeenDhcp6,
  SeenDisk,
  SeenLease,
  SeenOffer,
  SeenRootPath,
  SeenRouter,
} from './observation.ts';
import { type Outlook, outlooks } from './outlook.ts';
import { readRootPath } from './root-path-reading.ts';
import { rules } from './rules/index.ts';
import { seeDhcp6, takeIpv6Addresses } from './seen-dhcp6.ts';
import { seeDisk } from './seen-disk.ts';
import { type TakenLease, takeLease } from './seen-lease.ts';
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
    const disks = await seeDisks(given, () => ({ network: options.network, reach: byOwnRoutes }), options);
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
  const leased =
    chosen.ipv4.length > 0 ? undefined : await takeLease({ ...options, interface: chosen }, offers, cleanup, trace);
  const named = [...given, ...offers.flatMap(namedIn), ...namedInAck(leased?.seen), ...namedByDhcp6(dhcp6)];
  if (dhcp6.plain.kind === 'answer' && named.some(isOverIpv6)) {
    await takeIpv6Addresses({ ...asked, timeout: window }, machine, cleanup, trace);
  }
  const wayOf = waysOf(chosen, { dhcp6, routers, leased }, options);
  return { offers, dhcp6, routers, lease: leased?.seen, disks: await seeDisks(named, wayOf, options) };
}

interface Named extends Naming {
  readonly rootPath: SeenRootPath;
}

function isOverIpv6({ askedAs, rootPath: { reading } }: Named): boolean {
  return askedAs === 'dhcp6' || (reading.kind === 'iscsi' && reading.path.server?.kind === 'ipv6');
}

interface Given {
  readonly dhcp6: SeenDhcp6;
  readonly routers: readonly SeenRouter[] | undefined;
  readonly leased: TakenLease | undefined;
}

/** As those boot who are told of a disk so; what they wait for a router fits into one step. */
function waysOf(
  chosen: NetworkInterface,
  { dhcp6: { plain }, routers = [], leased }: Given,
  { network, machine, clock, random, timeout, signal }: ExaminationOptions,
): (askedAs: Naming['askedAs']) => ClientWay {
  const routing = { interface: chosen, machine, clock, random, timeout: timeout / 2, signal };
  const { seen, reach = byOwnRoutes } = leased ?? {};
  const overIpv4 = wayOverIpv4(network, routing, { nameServers: seen?.nameServers ?? [], reach });
  // RFC 8106 §5.3.1: those of DHCP first.
  const byDhcp6 = plain.kind === 'answer' ? plain.nameServers : [];
  const nameServers = [...new Set([...byDhcp6, ...routers.flatMap((router) => router.nameServers)])];
  const overIpv6 = wayOverIpv6(network, routing, nameServers);
  const hasIpv4 = leased !== undefined || chosen.ipv4.length > 0;
  return (askedAs) => (askedAs === 'dhcp6' || (askedAs === 'user' && !hasIpv4) ? overIpv6 : overIpv4);
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

/** The same Root Path is one disk, whoever names it, and tried as the first is told of it. */
async function seeDisks(
  named: readonly Named[],
  wayOf: (askedAs: Naming['askedAs']) => ClientWay,
  options: ExaminationOptions,
): Promise<SeenDisk[]> {
  const { say } = options;
  const disks: SeenDisk[] = [];
  for (const [text, [first, ...others]] of Map.groupBy(named, ({ rootPath }) => rootPath.text)) {
    if (first?.rootPath.reading.kind !== 'iscsi') continue;
    say(`trying ${text}`);
    const namings = [first, ...others].map(({ origin, askedAs }) => ({ origin, askedAs }));
    const { network, reach } = wayOf(first.askedAs);
    const search = { ...options, network, reach: (host: string) => reach(host, { step: say }) };
    disks.push(await seeDisk({ path: first.rootPath.reading.path, text, namings }, search));
  }
  return disks;
}
