/** From what the user says to what is known after the DHCP stage, gone through or not. */

import type { ChapCredentials } from '../iscsi/chap.ts';
import type { RootPath } from '../iscsi/root-path.ts';
import type { Network, NetworkInterface } from '../os/network.ts';
import { type BootParameters, complete, parametersOfDhcp, parametersOfUser } from './boot-parameters.ts';
import { asksDhcp6, type BootRequest } from './boot-request.ts';
import type { ParameterName } from './dhcp-parameters.ts';
import { type DhcpResult, describeDhcpResult, howToAsk, runDhcpStage } from './dhcp-stage.ts';
import type { ServiceLocations } from './discovery-service.ts';
import type { BootEnvironment } from './environment.ts';
import {
  bringUp,
  byOwnRoutes,
  chooseInterface,
  configureAddress,
  type GivenAddress,
  hasAddress,
  type Reach,
  reachingNames,
} from './interface-setup.ts';
import { reachByAutoconfiguration } from './ipv6-route.ts';
import { timesOfDhcp, underLease } from './leased-address.ts';
import { type LeasedNetwork, leasedNetwork } from './leased-network.ts';
import { NamedNetwork } from './named-network.ts';
import { decideDhcp } from './plan.ts';
import { refuseInsecureDhcp } from './secure-policy.ts';
import { locationsOf } from './service-locations.ts';
import { softwareOfDhcp } from './software-source.ts';
import { throughDhcp6 } from './through-dhcp6.ts';
import { heeding } from './time-limit.ts';
import type { BootTrace, StageTrace } from './trace.ts';

export interface Learned {
  readonly parameters: BootParameters;
  /** Undefined when none was named and none had to be chosen. */
  readonly interface: NetworkInterface | undefined;
  readonly locations: ServiceLocations;
  /** The boot file that DHCP names; undefined when it names none. Raises BOOT_SOFTWARE_URL. */
  readonly bootFile: () => URL | undefined;
  /** What DHCP said of the network, where it was asked. */
  readonly lease?: LeasedNetwork;
  /** Another way to the disk, or to another one, for when the first one fails. */
  readonly secondRootPath?: RootPath;
  /** Proof that DHCP gave, of who this is. */
  readonly chap?: ChapCredentials;
  /** Aborted when the address that DHCP gave must not be used any more. */
  readonly lost?: AbortSignal;
  readonly reach: Reach;
  /** With the name servers that DHCP named, where the machine has none of its own. */
  readonly network: Network;
}

/** Raises what `runDhcpStage` raises, BOOT_INTERFACE_UNKNOWN, USAGE_INTERFACE_NEEDED, BOOT_SECURE_DHCP and MACHINE_NETWORK_FAILED. */
export async function throughDhcp(
  request: BootRequest,
  environment: BootEnvironment,
  trace: BootTrace,
  cleanup: AsyncDisposableStack,
): Promise<Learned> {
  const { network, signal, dhcpKeys } = environment;
  const parameters = parametersOfUser(request);
  const situation = { hasAddress: hasAddress(request.interface, network, parameters.server?.value) };
  const { necessary, reason } = decideDhcp(request, parameters, situation);
  if (!necessary) {
    trace.skip('dhcp', reason);
    const named = request.interface === undefined ? undefined : chooseInterface(request.interface, network);
    return {
      parameters,
      locations: locationsOf(request, {}),
      bootFile: () => undefined,
      ...byItself(named, environment),
    };
  }
  // RFC 8415 §20 has withdrawn what authenticated DHCPv6: nobody can be believed there.
  const isAuthenticated = dhcpKeys !== undefined && !asksDhcp6(request.dhcp);
  trace.decide('dhcp', () => refuseInsecureDhcp(request, isAuthenticated));
  const chosen = chooseInterface(request.interface, network);
  if (asksDhcp6(request.dhcp)) {
    const wish = {
      ...{ method: request.dhcp, reason, interface: chosen },
      ...{ server: parameters.server?.value, known: givenByUser(parameters) },
    };
    const heard = await throughDhcp6(wish, environment, trace, cleanup);
    return { ...heard, parameters: complete(parameters, heard.parameters), locations: locationsOf(request, {}) };
  }
  const { result, reach, named } = await trace.run(
    'dhcp',
    `${reason}: asking on ${chosen.name} (${chosen.mac})`,
    (stage) => heeding(signal, askDhcp(chosen, request, environment, cleanup, stage)),
    (asked) => describeDhcpResult(asked.result),
  );
  const { secondRootPath, chap, lease, held } = result;
  return {
    parameters: complete(parameters, parametersOfDhcp(result)),
    interface: chosen,
    locations: locationsOf(request, result.parameters),
    bootFile: () => softwareOfDhcp(lease),
    lease: leasedNetwork(lease, result.router),
    ...(secondRootPath === undefined ? {} : { secondRootPath }),
    ...(chap === undefined ? {} : { chap }),
    lost: held.lost,
    reach,
    network: named,
  };
}

/** Of a machine that has its addresses without anybody's help. */
function byItself(
  named: NetworkInterface | undefined,
  environment: BootEnvironment,
): Pick<Learned, 'interface' | 'reach' | 'network'> {
  const { network, machine, clock, random, targetTimeout, signal } = environment;
  if (named === undefined) return { interface: undefined, reach: byOwnRoutes, network };
  // The other half is for the server.
  const routing = { interface: named, machine, clock, random, timeout: targetTimeout / 2, signal };
  const reach = reachByAutoconfiguration(() => routing);
  return { interface: named, reach, network: new NamedNetwork(network, { interface: named.name }) };
}

/** A Root Path says nothing new to whoever knows server and target: its port and LUN are those of another disk then. */
function givenByUser({ server, targetName, initiatorName }: BootParameters): ParameterName[] {
  return [
    ...(server === undefined || targetName === undefined ? [] : (['rootPath'] as const)),
    ...(initiatorName === undefined ? [] : (['initiatorName'] as const)),
  ];
}

async function askDhcp(
  chosen: NetworkInterface,
  request: BootRequest,
  environment: BootEnvironment,
  cleanup: AsyncDisposableStack,
  trace: StageTrace,
): Promise<{ readonly result: DhcpResult; readonly reach: Reach; readonly named: Network }> {
  const { network, machine, clock, random, dhcpTimeout, dhcpKeys, signal } = environment;
  await bringUp(chosen, machine, cleanup, trace);
  const options = { network, clock, random, interface: chosen, timeout: dhcpTimeout, signal };
  const known = givenByUser(parametersOfUser(request));
  const result = await runDhcpStage({ ...options, known, ...howToAsk(request, chosen, dhcpKeys) }, trace);
  const { held } = result;
  // An address of its own is not the lease's to lose.
  if (chosen.ipv4.length > 0) await held[Symbol.asyncDispose]();
  else cleanup.use(held);
  const leased = underLease(machine, { held, timesOf: timesOfDhcp, clock, trace });
  const reach = await configureAddress(chosen, givenBy(result), leased, cleanup, trace);
  const nameServers = result.parameters.domainNameServers?.value;
  if (nameServers === undefined || chosen.ipv4.length > 0) return { result, reach, named: network };
  for (const nameServer of nameServers) await reach(nameServer, trace);
  const named = new NamedNetwork(network, { nameServers, family: 'ipv4', interface: chosen.name });
  return { result, reach: reachingNames(reach, named), named };
}

function givenBy({ address, prefix, routes, parameters }: DhcpResult): GivenAddress {
  return { address, prefix, routes, mtu: parameters.interfaceMtu?.value };
}
