/**
 * The DHCP stage over IPv6 (RFC 4173 §5): an address for the machine, or none where it has one by autoconfiguration, and the Root Path,
 * which DHCPv6 carries in its boot file URL (RFC 5970 §5).
 */

import { DisklessError, type Ipv6Address, macToBytes, readU32 } from '../bytes/index.ts';
import type { Dhcp6Information, Dhcp6Lease } from '../dhcp6/client/lease.ts';
import type { Dhcp6ClientOptions } from '../dhcp6/client/options.ts';
import { duidOfMac, formatDuid } from '../dhcp6/duid.ts';
import { formatRootPath, type RootPath } from '../iscsi/root-path.ts';
import type { Clock } from '../os/clock.ts';
import type { MachineNetwork } from '../os/machine-network.ts';
import type { Network, NetworkInterface } from '../os/network.ts';
import type { ParameterName } from './dhcp-parameters.ts';
import { parametersOfDhcp6, refuseUnusableDhcp6 } from './dhcp6-parameters.ts';
import { type Dhcp6Answer, decline, type HeldDhcp6, obtainDhcp6 } from './held-dhcp6.ts';
import { tellUnusable } from './parameter-search.ts';
import type { Facts, StageTrace } from './trace.ts';
import { awaitTriedOut, awaitUsableIpv6 } from './usable-ipv6.ts';

export interface Dhcp6StageOptions {
  readonly network: Network;
  readonly clock: Clock;
  /** Gives [0, 1). */
  readonly random: () => number;
  readonly interface: NetworkInterface;
  /** `stateful` asks for an address, `stateless` for boot parameters alone. */
  readonly mode: 'stateful' | 'stateless';
  /** What the client says of itself; default: nothing. */
  readonly client?: Pick<Dhcp6ClientOptions, 'userClasses'>;
  /** What the user has said already: whatever DHCPv6 says of it can be wrong without harm. */
  readonly known?: readonly ParameterName[];
  /** Milliseconds until the stage gives up. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

export interface Dhcp6Result {
  /** Of a stateless answer none. Each reaches nobody but by what routers advertise: its prefix is 128. */
  readonly addresses: readonly Ipv6Address[];
  /** The server's DUID in hexadecimal. */
  readonly server: string;
  /** Undefined when the boot file URL is not one of iSCSI. */
  readonly rootPath: RootPath | undefined;
  /** What other clients would fetch. Undefined when it is one of iSCSI. */
  readonly bootFileUrl: string | undefined;
  readonly domainNameServers: readonly Ipv6Address[];
  readonly domainSearch: readonly string[];
  /** Renews the lease until it is disposed of. */
  readonly held: HeldDhcp6;
}

/**
 * Raises BOOT_IPV6_UNAVAILABLE, DHCP6_NO_ANSWER, DHCP6_NO_REPLY, DHCP6_REFUSED, ROOT_PATH_..., NETWORK_..., ABORTED, and the signal's
 * reason.
 */
export async function runDhcp6Stage(options: Dhcp6StageOptions, trace: StageTrace): Promise<Dhcp6Result> {
  const { held, answer } = await askDhcp6(options, trace);
  try {
    return resultOf(options, answer, held, trace);
  } catch (error) {
    await held[Symbol.asyncDispose]();
    throw error;
  }
}

/** What a server says, as it stands. Raises what `runDhcp6Stage` does but for ROOT_PATH_.... */
export async function askDhcp6(
  options: Dhcp6StageOptions,
  trace: StageTrace,
): Promise<{ readonly held: HeldDhcp6; readonly answer: Dhcp6Answer }> {
  const { network, clock, random, mode, timeout, signal } = options;
  const { name, mac } = options.interface;
  const started = clock.monotonic();
  // Without an address of the link nothing can be asked; the kernel tries it out first.
  const scopes = ['link-local'] as const;
  const own = await awaitUsableIpv6({ network, clock, interface: name, scopes, timeout, signal });
  trace.step(`asking from ${own.address}`);
  const remaining = Math.max(1, started + timeout - clock.monotonic());
  // One machine that boots is no crowd after a power cut: it need not wait before it asks.
  const identity = { ...options.client, duid: duidOfMac(mac), iaid: readU32(macToBytes(mac), 2) };
  const client = { ...identity, mode, timeout: remaining, longestDelay: 0 };
  return obtainDhcp6({ network, clock, random, interface: name, client, signal }, trace);
}

/** Whichever way it was asked. */
export function heardIn(answer: Dhcp6Answer): Dhcp6Lease | Dhcp6Information {
  return answer.kind === 'lease' ? answer.lease : answer.information;
}

function resultOf(
  { known = [] }: Dhcp6StageOptions,
  answer: Dhcp6Answer,
  held: HeldDhcp6,
  trace: StageTrace,
): Dhcp6Result {
  const heard = heardIn(answer);
  const parameters = parametersOfDhcp6(heard);
  const { rootPath, bootFileUrl, domainNameServers, domainSearch, unusable } = parameters;
  if (bootFileUrl !== undefined) {
    trace.step('the boot file URL does not start with "iscsi:", so it is for other clients');
  }
  tellUnusable(unusable, trace);
  refuseUnusableDhcp6(parameters, known);
  return {
    addresses: answer.kind === 'lease' ? answer.lease.addresses.map(({ address }) => address) : [],
    server: formatDuid(heard.serverIdentifier),
    rootPath: rootPath?.value,
    bootFileUrl: bootFileUrl?.value,
    domainNameServers: domainNameServers?.value ?? [],
    domainSearch: domainSearch?.value ?? [],
    held,
  };
}

export function describeDhcp6Result(result: Dhcp6Result): { text: string; facts: Facts } {
  const { addresses, server, rootPath, bootFileUrl, domainNameServers, domainSearch } = result;
  const path = rootPath === undefined ? undefined : formatRootPath(rootPath);
  const given = addresses.length === 0 ? 'no address' : addresses.join(', ');
  return {
    text: `${given} from ${server}; ${path ?? 'no iscsi: boot file URL'}`,
    facts: { addresses, server, rootPath: path, bootFileUrl, domainNameServers, domainSearch },
  };
}

/** A link on which every address is taken would have no end. */
const MOST_DECLINES = 3;

/** Milliseconds: the kernel tries an address out for one or two seconds (RFC 4862 §5.1). */
const LONGEST_TRIAL = 5000;

/**
 * Gives the interface the addresses of the lease for the time of the boot, and waits until nobody else on the link turns out to have
 * them (RFC 8415 §18.2.10.1); one that somebody has is declined. Gives what was said last. Raises what `runDhcp6Stage` does,
 * DHCP6_ADDRESS_IN_USE and MACHINE_NETWORK_FAILED.
 */
export async function configureIpv6(
  options: Dhcp6StageOptions,
  result: Dhcp6Result,
  machine: MachineNetwork,
  cleanup: AsyncDisposableStack,
  trace: StageTrace,
): Promise<Dhcp6Result> {
  let current = result;
  for (let attempt = 0; attempt < MOST_DECLINES; attempt++) {
    const { addresses, held } = current;
    await using added = new AsyncDisposableStack();
    if (await addAddresses(options, addresses, machine, added, trace)) {
      cleanup.use(added.move());
      return current;
    }
    trace.step(`somebody else on the link has ${addresses.join(', ')}`);
    current = resultOf(options, await decline(held), held, trace);
  }
  const what = `all ${MOST_DECLINES} addresses that DHCPv6 gave on ${options.interface.name} are in use by somebody else`;
  throw new DisklessError('DHCP6_ADDRESS_IN_USE', what, {
    hint: 'Look for a machine with fixed addresses inside the pool of the DHCPv6 server.',
  });
}

/** False when somebody else has one of them. An address that the interface has already belongs to the running system. */
async function addAddresses(
  { network, clock, interface: { name }, signal }: Dhcp6StageOptions,
  addresses: readonly Ipv6Address[],
  machine: MachineNetwork,
  added: AsyncDisposableStack,
  trace: StageTrace,
): Promise<boolean> {
  for (const address of addresses) {
    const found = network.interfaces().find((each) => each.name === name);
    if (found?.ipv6.some((each) => each.address === address) === true) continue;
    added.use(await machine.addAddress(name, address, 128));
    const watch = { network, clock, interface: name, timeout: LONGEST_TRIAL, signal };
    if ((await awaitTriedOut(watch, address)) === 'duplicate') return false;
    trace.step(`${name} has ${address}/128 for this boot`);
  }
  return true;
}
