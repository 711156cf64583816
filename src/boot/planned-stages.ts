/** The stages that a boot would go through, told before anything is sent. */

import { parametersOfUser } from './boot-parameters.ts';
import { asksDhcp6, type BootRequest } from './boot-request.ts';
import type { BootEnvironment } from './environment.ts';
import { chooseInterface, hasAddress } from './interface-setup.ts';
import { decideDhcp, decideDiscovery, decideSoftware, type StageName } from './plan.ts';
import { refuseInsecureDhcp, refuseInsecureDiscovery, refuseInsecureRequest } from './secure-policy.ts';
import { locationsOf } from './service-locations.ts';
import { askableServices } from './through-discovery.ts';

export interface PlannedStage {
  readonly stage: StageName;
  readonly necessary: boolean;
  readonly reason: string;
}

/** As far as is known now. Raises what `boot` would. */
export function planBoot(
  request: BootRequest,
  { network, services, security, dhcpKeys }: Pick<BootEnvironment, 'network' | 'services' | 'security' | 'dhcpKeys'>,
): PlannedStage[] {
  refuseInsecureRequest(request, security?.chap);
  const parameters = parametersOfUser(request);
  const dhcp = decideDhcp(request, parameters, {
    hasAddress: hasAddress(request.interface, network, parameters.server?.value),
  });
  const software: PlannedStage = { stage: 'software', ...decideSoftware(request) };
  if (dhcp.necessary) {
    refuseInsecureDhcp(request, dhcpKeys !== undefined && !asksDhcp6(request.dhcp));
    const { name, mac } = chooseInterface(request.interface, network);
    const discovery = 'if DHCP does not name server and target';
    return [
      software,
      { stage: 'dhcp', necessary: true, reason: `${dhcp.reason}: asks on ${name} (${mac})` },
      { stage: 'discovery', necessary: request.discovery !== 'off', reason: discovery },
      { stage: 'boot', necessary: true, reason: 'login at what DHCP names' },
    ];
  }
  const decided = decideDiscovery(request, parameters, askableServices(services, locationsOf(request, {})));
  if (decided.necessary) refuseInsecureDiscovery(request, decided.services);
  const { necessary, reason } = decided;
  return [
    software,
    { stage: 'dhcp', ...dhcp },
    { stage: 'discovery', necessary, reason },
    { stage: 'boot', necessary: true, reason: 'login' },
  ];
}
