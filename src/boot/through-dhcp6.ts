/** What is known after the DHCP stage over IPv6. */

import type { ServerName } from '../iscsi/server-name.ts';
import type { NetworkInterface } from '../os/network.ts';
import { parametersOfRootPath } from './boot-parameters.ts';
import type { Dhcp6Method } from './boot-request.ts';
import { configureIpv6, describeDhcp6Result, runDhcp6Stage } from './dhcp6-stage.ts';
import type { BootEnvironment } from './environment.ts';
import { bringUp, byOwnRoutes } from './interface-setup.ts';
import { awaitIpv6Route, routedHost } from './ipv6-route.ts';
import { leasedByDhcp6 } from './leased-network.ts';
import { parseSoftwareUrl } from './software-source.ts';
import type { Learned } from './through-dhcp.ts';
import { heeding } from './time-limit.ts';
import type { BootTrace } from './trace.ts';

export interface Dhcp6Wish {
  readonly method: Dhcp6Method;
  /** Why it is asked. */
  readonly reason: string;
  readonly interface: NetworkInterface;
  /** The user's, which counts more than what DHCPv6 names. */
  readonly server: ServerName | undefined;
}

/** Raises what `runDhcp6Stage`, `configureIpv6` and `awaitIpv6Route` raise. */
export async function throughDhcp6(
  { method, reason, interface: chosen, server }: Dhcp6Wish,
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
      const end = clock.monotonic() + timeout;
      await bringUp(chosen, machine, cleanup, stage);
      const result = await heeding(signal, runDhcp6Stage(options, stage));
      cleanup.use(result.held);
      const configured =
        mode === 'stateless' ? result : await heeding(signal, configureIpv6(options, result, machine, cleanup, stage));
      const host = routedHost(server ?? configured.rootPath?.server, configured.bootFileUrl);
      const remaining = Math.max(1, end - clock.monotonic());
      if (host !== undefined) await awaitIpv6Route({ ...options, machine, host, timeout: remaining }, stage);
      return configured;
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
