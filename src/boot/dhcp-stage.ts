/** The DHCP stage (RFC 4173 §5): an address for the machine, and the Root Path that says where its disk is. */

import { DisklessError, IPV4_ANY, type Ipv4Address, ipv4PrefixOf, macToBytes } from '../bytes/index.ts';
import type { AuthenticationKey } from '../dhcp/authentication.ts';
import { type AuthenticationKeyEntry, keysOfClient } from '../dhcp/authentication-file.ts';
import { type DhcpLease, messagesOf, serverText } from '../dhcp/client/lease.ts';
import type { DhcpClientOptions, DhcpQuestion } from '../dhcp/client/options.ts';
import { Option } from '../dhcp/option.ts';
import type { ClasslessRoute } from '../dhcp/option-codec.ts';
import type { ChapCredentials } from '../iscsi/chap.ts';
import type { IscsiName } from '../iscsi/name.ts';
import { formatRootPath, type RootPath } from '../iscsi/root-path.ts';
import type { Clock } from '../os/clock.ts';
import type { Network, NetworkInterface } from '../os/network.ts';
import { asksDhcp6, type BootRequest } from './boot-request.ts';
import {
  type DhcpParameters,
  type ParameterName,
  type PlainParameters,
  parametersOf,
  refuseUnusable,
} from './dhcp-parameters.ts';
import { type HeldLease, obtainLease } from './held-lease.ts';
import { type Found, tellUnusable } from './parameter-search.ts';
import type { Fact, Facts, StageTrace } from './trace.ts';

export interface DhcpStageOptions {
  readonly network: Network;
  readonly clock: Clock;
  /** Gives [0, 1). */
  readonly random: () => number;
  readonly interface: NetworkInterface;
  /** How to ask. `inform` asks for parameters alone, and needs an interface that has an address. Default: v4. */
  readonly method?: DhcpMethod;
  /** Keys of RFC 3118: only servers that prove one of them are believed. Not empty. */
  readonly keys?: readonly AuthenticationKey[];
  /** Option 60: whom to ask as, for servers that tell some vendors' clients in option 43 where their disk is. */
  readonly vendorClass?: string;
  /** What the user has said already: whatever DHCP says of it can be wrong without harm. */
  readonly known?: readonly ParameterName[];
  /** Milliseconds until the stage gives up. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

export type DhcpMethod = 'v4' | 'bootp' | 'inform';

/** How a DHCP stage on `chosen` asks, from what the user says. Raises DHCP_AUTH_NO_KEY when none of the keys is this machine's. */
export function howToAsk(
  { dhcp, dhcpVendorClass }: BootRequest,
  { name, mac }: NetworkInterface,
  entries: readonly AuthenticationKeyEntry[] | undefined,
): Pick<DhcpStageOptions, 'method' | 'vendorClass' | 'keys'> {
  const keys = entries && keysOfClient(entries, mac);
  if (keys?.length === 0) {
    throw new DisklessError('DHCP_AUTH_NO_KEY', `none of the keys for authenticated DHCP is for ${mac} (${name})`, {
      hint: 'Write a line "key ID SECRET", or one for this client, into the file of keys.',
    });
  }
  return {
    ...(dhcp === 'off' || asksDhcp6(dhcp) ? {} : { method: dhcp }),
    ...(dhcpVendorClass === undefined ? {} : { vendorClass: dhcpVendorClass }),
    ...(keys === undefined ? {} : { keys }),
  };
}

export interface DhcpResult {
  readonly address: Ipv4Address;
  /** Length of the subnet's prefix, 0..32. */
  readonly prefix: number;
  /** The default router; what classless routes (option 121) say counts more (RFC 3442). */
  readonly router: Ipv4Address | undefined;
  /** Ways out of the subnet, the default router's among them. */
  readonly routes: readonly ClasslessRoute[];
  readonly server: Ipv4Address;
  /** Undefined when no server sent one for iSCSI. */
  readonly rootPath: RootPath | undefined;
  /** Another way to the disk, or to another one. */
  readonly secondRootPath: RootPath | undefined;
  readonly initiatorName: IscsiName | undefined;
  readonly chap: ChapCredentials | undefined;
  /** What else the servers said, each with the option and message that it came in. */
  readonly parameters: PlainParameters;
  /** For each boot parameter that is there: the option and message that it came in. */
  readonly origins: Readonly<Partial<Record<ParameterName, string>>>;
  /** The secret ID of the key that the server proved; undefined where nobody asked for proof. */
  readonly provenKey: number | undefined;
  /** Seconds; undefined for a lease without end. */
  readonly leaseTime: number | undefined;
  /** Everything that the servers said, for whoever looks for more in it. */
  readonly lease: DhcpLease;
  /** Renews the lease until it is disposed of. */
  readonly held: HeldLease;
}

/**
 * Raises DHCP_NO_OFFER, DHCP_NO_ACK, DHCP_ACK_CHANGED, DHCP_AUTH_FAILED, DHCP_REFUSED, DHCP_INFORM_NO_ADDRESS, USAGE_DHCP_AUTH,
 * ROOT_PATH_..., EMULEX_BOOT_STRING, ISCSI_NAME_..., NETWORK_..., ABORTED.
 */
export async function runDhcpStage(options: DhcpStageOptions, trace: StageTrace): Promise<DhcpResult> {
  const { network, clock, random, signal } = options;
  const client = clientOptions(options);
  const { name } = options.interface;
  const { held, lease } = await obtainLease({ network, clock, random, interface: name, client, signal }, trace);
  try {
    sayForWhomItIs(lease, trace);
    const parameters = parametersOf(lease);
    tellUnusable(parameters.unusable, trace);
    refuseUnusable(parameters, options.known ?? []);
    return resultOf(options, lease, held, parameters);
  } catch (error) {
    await held[Symbol.asyncDispose]();
    throw error;
  }
}

function clientOptions(options: DhcpStageOptions): DhcpClientOptions {
  const { clock, keys, vendorClass, timeout } = options;
  const { mac } = options.interface;
  const question = questionOf(options);
  if (keys !== undefined && question.kind === 'bootp') {
    throw new DisklessError('USAGE_DHCP_AUTH', 'BOOTP has no authentication', {
      hint: 'Ask by DHCP (--dhcp v4), or leave --dhcp-auth-file out.',
    });
  }
  return {
    hardwareAddress: mac,
    question,
    timeout,
    ...(vendorClass === undefined ? {} : { vendorClass }),
    ...(keys === undefined ? {} : { authentication: { keys, now: () => clock.now() } }),
    // RFC 3118 §5.5.1: the server finds the client's key by it.
    ...(keys === undefined ? {} : { clientIdentifier: Uint8Array.of(ethernet, ...macToBytes(mac)) }),
  };
}

const ethernet = 1;

function questionOf({ method = 'v4', interface: { name, ipv4 } }: DhcpStageOptions): DhcpQuestion {
  if (method === 'v4') return { kind: 'lease' };
  if (method === 'bootp') return { kind: 'bootp' };
  const [own] = ipv4;
  if (own !== undefined) return { kind: 'inform', address: own.address };
  throw new DisklessError('DHCP_INFORM_NO_ADDRESS', `${name} has no address to ask with by DHCPINFORM`, {
    hint: `Give it one before (ip address add ... dev ${name}), or let --dhcp v4 ask for one.`,
  });
}

/** What is there and is not for this client is worth a line: it may be meant for it. */
function sayForWhomItIs(lease: DhcpLease, trace: StageTrace): void {
  for (const { name, message } of messagesOf(lease)) {
    const rootPath = message.options.find(Option.rootPath);
    if (rootPath === undefined || rootPath.toLowerCase().startsWith('iscsi:')) continue;
    trace.step(`the Root Path in the ${name} does not start with "iscsi:", so it is for other clients`);
  }
}

function resultOf(
  { interface: { ipv4 }, method }: DhcpStageOptions,
  lease: DhcpLease,
  held: HeldLease,
  { rootPath, secondRootPath, initiatorName, chap, plain }: DhcpParameters,
): DhcpResult {
  const { reply } = lease;
  const routes = routesOf(plain.routers?.value, plain.classlessRoutes?.value);
  return {
    address: lease.address,
    prefix: (method === 'inform' ? ipv4[0]?.prefix : undefined) ?? prefixOf(reply.options.find(Option.subnetMask)),
    router: routes.find((route) => route.prefix === 0)?.router,
    routes,
    server: lease.serverIdentifier,
    rootPath: rootPath?.value,
    secondRootPath: secondRootPath?.value,
    initiatorName: initiatorName?.value,
    chap: chap?.value,
    parameters: plain,
    origins: originsOf({ rootPath, secondRootPath, initiatorName, chap }),
    provenKey: lease.key?.secretIdentifier,
    leaseTime: Number.isFinite(lease.expiresAt) ? reply.options.find(Option.leaseTime) : undefined,
    lease,
    held,
  };
}

function originsOf(found: Readonly<Record<ParameterName, Found<unknown> | undefined>>): DhcpResult['origins'] {
  return Object.fromEntries(Object.entries(found).flatMap(([name, value]) => (value ? [[name, value.origin]] : [])));
}

/** RFC 3442: a client that is given classless routes ignores the routers of option 3. */
export function routesOf(
  routers: readonly Ipv4Address[] | undefined,
  classlessRoutes: readonly ClasslessRoute[] | undefined,
): readonly ClasslessRoute[] {
  if (classlessRoutes !== undefined) return classlessRoutes;
  const [router] = routers ?? [];
  return router === undefined ? [] : [{ destination: IPV4_ANY, prefix: 0, router }];
}

/** A machine whose mask nobody names, or is none, reaches nobody but through its router. */
export function prefixOf(mask: Ipv4Address | undefined): number {
  return (mask && ipv4PrefixOf(mask)) ?? 32;
}

export function describeDhcpResult(result: DhcpResult): { text: string; facts: Facts } {
  const { address, prefix, router, server, rootPath, secondRootPath, initiatorName, leaseTime } = result;
  const path = rootPath === undefined ? undefined : formatRootPath(rootPath);
  const origin = result.origins.rootPath;
  return {
    text: `${address}/${prefix} from ${serverText(server)}; ${path === undefined ? 'no iscsi: Root Path' : `${path}, from ${origin}`}`,
    facts: {
      ...{ address, prefix, router, server, rootPath: path, initiatorName, leaseTime },
      secondRootPath: secondRootPath === undefined ? undefined : formatRootPath(secondRootPath),
      chap: result.chap?.initiator.name,
      provenKey: result.provenKey,
      origins: result.origins,
      parameters: factOf(result.parameters),
    },
  };
}

/** As plain values, which a trace can be written as JSON with. */
function factOf(value: unknown): Fact {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  if (Array.isArray(value)) return value.map(factOf);
  const members = Object.entries(value ?? {}).filter(([, member]) => member !== undefined);
  return Object.fromEntries(members.map(([name, member]) => [name, factOf(member)]));
}
