/** From what is known to ways to a target, by the discovery stage or without it. */

import type { Initiator } from '../initiator/initiator.ts';
import { serverHost } from '../iscsi/server-name.ts';
import type { CompleteParameters } from './boot-parameters.ts';
import type { BootRequest } from './boot-request.ts';
import { type Candidate, describeCandidates } from './candidate.ts';
import { type DiscoveryService, type ServiceLocations, sendTargetsService } from './discovery-service.ts';
import { runDiscoveryStage } from './discovery-stage.ts';
import type { BootEnvironment } from './environment.ts';
import { type AskableServices, decideDiscovery } from './plan.ts';
import { admission, refuseInsecureDiscovery } from './secure-policy.ts';
import type { Learned } from './through-dhcp.ts';
import type { BootTrace } from './trace.ts';

/** Raises what `decideDiscovery` and `runDiscoveryStage` raise. */
export async function throughDiscovery(
  request: BootRequest,
  parameters: CompleteParameters,
  learned: Learned,
  initiator: Initiator,
  environment: BootEnvironment,
  trace: BootTrace,
): Promise<readonly Candidate[]> {
  const { locations } = learned;
  const askable = askableServices(environment.services, locations);
  const decision = trace.decide('discovery', () => {
    const decided = decideDiscovery(request, parameters, askable);
    if (decided.necessary) refuseInsecureDiscovery(request, decided.services);
    return decided;
  });
  if (!decision.necessary) {
    trace.skip('discovery', decision.reason);
    const portal = { host: serverHost(decision.server), port: parameters.port.value };
    return [{ portal, targetName: decision.targetName }];
  }
  const { targetName, initiatorName, server, port } = parameters;
  const portal = server && { host: serverHost(server.value), port: port.value };
  const known = portal === undefined ? [] : [sendTargetsService(initiator, portal)];
  const services = decision.services.flatMap(
    (each) => [...known, ...environment.services].find(({ name }) => name === each) ?? [],
  );
  const wanted = {
    initiatorName: initiatorName.value,
    ...(targetName === undefined ? {} : { targetName: targetName.value }),
  };
  return trace.run(
    'discovery',
    decision.reason,
    async (stage) => {
      if (portal !== undefined) admission(request)(portal.host);
      const asked = [portal?.host, ...locations.isnsServers.map(({ host }) => host), ...locations.slpAgents];
      for (const host of asked) if (host !== undefined) await learned.reach(host, stage);
      const { network, clock, random, signal, discoveryTimeout: timeout } = environment;
      // With the address that the DHCP stage gave it.
      const chosen = network.interfaces().find(({ name }) => name === learned.interface?.name);
      const context = { network, clock, random, interface: chosen, locations, timeout, signal, trace: stage };
      return runDiscoveryStage(services, wanted, parameters, context);
    },
    describeCandidates,
  );
}

export function askableServices(
  services: readonly DiscoveryService[],
  { isnsServers }: ServiceLocations,
): AskableServices {
  const has = (wanted: DiscoveryService['name']) => services.some(({ name }) => name === wanted);
  return { slp: has('slp'), isns: has('isns') && (isnsServers.length > 0 ? 'located' : 'to be found') };
}
