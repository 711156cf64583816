/** From what the user says to what is known after the DHCP stage, gone through or not. */

import type { NetworkInterface } from '../os/network.ts';
import { type BootParameters, complete, parametersOfDhcp, parametersOfUser } from './boot-parameters.ts';
import type { BootRequest } from './boot-request.ts';
import { type DhcpResult, describeDhcpResult, runDhcpStage } from './dhcp-stage.ts';
import type { ServiceLocations } from './discovery-service.ts';
import type { BootEnvironment } from './environment.ts';
import { bringUp, byOwnRoutes, chooseInterface, configureAddress, hasAddress, type Reach } from './interface-setup.ts';
import { decideDhcp } from './plan.ts';
import { refuseInsecureDhcp } from './secure-policy.ts';
import type { BootTrace, StageTrace } from './trace.ts';

export interface Learned {
  readonly parameters: BootParameters;
  /** Undefined when none was named and none had to be chosen. */
  readonly interface: NetworkInterface | undefined;
  readonly locations: ServiceLocations;
  /** The boot file that DHCP names. */
  readonly bootFile: URL | undefined;
  readonly reach: Reach;
}

/** Raises what `runDhcpStage` raises, BOOT_INTERFACE_UNKNOWN, USAGE_INTERFACE_NEEDED and MACHINE_NETWORK_FAILED. */
export async function throughDhcp(
  request: BootRequest,
  environment: BootEnvironment,
  trace: BootTrace,
  cleanup: AsyncDisposableStack,
): Promise<Learned> {
  const { network, signal } = environment;
  const parameters = parametersOfUser(request);
  const situation = { hasAddress: hasAddress(request.interface, network) };
  const { necessary, reason } = decideDhcp(request, parameters, situation);
  const locations = locationsOf(request);
  if (!necessary) {
    trace.skip('dhcp', reason);
    const named = request.interface === undefined ? undefined : chooseInterface(request.interface, network);
    return { parameters, interface: named, locations, bootFile: undefined, reach: byOwnRoutes };
  }
  trace.decide('dhcp', () => refuseInsecureDhcp(request, false));
  const chosen = chooseInterface(request.interface, network);
  const { result, reach } = await trace.run(
    'dhcp',
    `${reason}: asking on ${chosen.name} (${chosen.mac})`,
    (stage) => heeding(signal, askDhcp(chosen, environment, cleanup, stage)),
    (asked) => describeDhcpResult(asked.result),
  );
  return {
    parameters: complete(parameters, parametersOfDhcp(result)),
    interface: chosen,
    locations,
    bootFile: result.bootFile,
    reach,
  };
}

async function askDhcp(
  chosen: NetworkInterface,
  environment: BootEnvironment,
  cleanup: AsyncDisposableStack,
  trace: StageTrace,
): Promise<{ readonly result: DhcpResult; readonly reach: Reach }> {
  const { network, machine, clock, random, dhcpTimeout, signal } = environment;
  await bringUp(chosen, machine, cleanup, trace);
  const result = await runDhcpStage({ network, clock, random, interface: chosen, timeout: dhcpTimeout, signal }, trace);
  return { result, reach: await configureAddress(chosen, result, machine, cleanup, trace) };
}

/** Where discovery services are; nobody has said it of those that are missing. */
export function locationsOf({ locations }: BootRequest): ServiceLocations {
  return { isnsServers: [], slpAgents: [], slpScopes: [], ...locations };
}

/** What is given up because `signal` says so fails with the signal's own reason. */
async function heeding<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  }
}
