/** What is known after the DHCP stage over IPv6. */

import type { NetworkInterface } from '../os/network.ts';
import { parametersOfRootPath } from './boot-parameters.ts';
import type { Dhcp6Method } from './boot-request.ts';
import { configureIpv6, describeDhcp6Result, runDhcp6Stage } from './dhcp6-stage.ts';
import type { BootEnvironment } from './environment.ts';
import { bringUp, byOwnRoutes } from './interface-setup.ts';
import { leasedByDhcp6 } from './leased-network.ts';
import { parseSoftwareUrl } from './software-source.ts';
import type { Learned } from './through-dhcp.ts';
import { heeding } from './time-limit.ts';
import type { BootTrace } from './trace.ts';

/** Raises what `runDhcp6Stage` and `configureIpv6` raise. */
export async function throughDhcp6(
  method: Dhcp6Method,
  reason: string,
  chosen: NetworkInterface,
  environment: BootEnvironment,
  trace: BootTrace,
  cleanup: AsyncDisposableStack,
): Promise<Omit<Learned, 'locations'>> {
  const { network, machine, clock, random, dhcpTimeout: timeout, signal } = environment;
  const mode = method === 'v6' ? 'stateful' : 'stateless';
  const options = { network, clock, random, interface: chosen, mode, timeout, signal } as const;
  const { rootPath, bootFileUrl, domainNameServers, held } = await trace.run(
    'dhcp',
    `${reason}: asking DHCPv6 on ${chosen.name} (${chosen.mac})`,
    async (stage) => {
      await bringUp(chosen, machine, cleanup, stage);
      const result = await heeding(signal, runDhcp6Stage(options, stage));
      cleanup.use(result.held);
      return mode === 'stateless' ? result : heeding(signal, configureIpv6(options, result, machine, cleanup, stage));
    },
    describeDhcp6Result,
  );
  return {
    parameters: rootPath === undefined ? {} : parametersOfRootPath(rootPath, 'dhcp'),
    interface: chosen,
    // RFC 5970 §5: the option that names the disk is the one that would name a file.
    bootFile: () => (rootPath === undefined && bootFileUrl !== undefined ? parseSoftwareUrl(bootFileUrl) : undefined),
    lease: leasedByDhcp6(domainNameServers),
    lost: held.lost,
    reach: byOwnRoutes,
    network,
  };
}
