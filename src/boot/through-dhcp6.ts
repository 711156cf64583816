/** What is known after the DHCP stage over IPv6. */

import type { ServerName } from '../iscsi/server-name.ts';
import type { NetworkInterface } from '../os/network.ts';
import { parametersOfRootPath } from './boot-parameters.ts';
import type { Dhcp6Method } from './boot-request.ts';
import type { ParameterName } from './dhcp-parameters.ts';
import { configureIpv6, describeDhcp6Result, runDhcp6Stage } from './dhcp6-stage.ts';
import type { BootEnvironment } from './environment.ts';
import { bringUp } from './interface-setup.ts';
import { knownHost, reachByIpv6 } from './ipv6-route.ts';
import { timesOfDhcp6, underLease } from './leased-address.ts';
import { leasedByDhcp6 } from './leased-network.ts';
import { isName, NamedNetwork } from './named-network.ts';
import { RouterNameServers } from './router-name-servers.ts';
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
  /** What the user has said already. */
  readonly known: readonly ParameterName[];
}

/** Milliseconds after the DHCP stage: who has routes has them by now, and of several portals one may be out of reach. */
const LATER_PATIENCE = 5000;

/** Raises what `runDhcp6Stage`, `configureIpv6` and `awaitIpv6Route` raise. */
export async function throughDhcp6(
  { method, reason, interface: chosen, server, known }: Dhcp6Wish,
  environment: BootEnvironment,
  trace: BootTrace,
  cleanup: AsyncDisposableStack,
): Promise<Omit<Learned, 'locations'>> {
  const { network, machine, clock, random, dhcpTimeout: timeout, signal } = environment;
  const mode = method === 'v6' ? 'stateful' : 'stateless';
  const options = { network, machine, clock, random, interface: chosen, mode, known, timeout, signal } as const;
  const { result, nameServers, named } = await trace.run(
    'dhcp',
    `${reason}: asking DHCPv6 on ${chosen.name} (${chosen.mac})`,
    async (stage) => {
      const end = clock.monotonic() + timeout;
      const remaining = () => Math.max(1, end - clock.monotonic());
      await bringUp(chosen, machine, cleanup, stage);
      using routers = new RouterNameServers(options, stage);
      const heard = await heeding(signal, runDhcp6Stage(options, stage));
      cleanup.use(heard.held);
      const leased = underLease(machine, { held: heard.held, timesOf: timesOfDhcp6, clock, trace: stage });
      const configured =
        mode === 'stateless' ? heard : await heeding(signal, configureIpv6(options, heard, leased, cleanup, stage));
      const host = knownHost(server ?? configured.rootPath?.server, configured.bootFileUrl);
      const { domainNameServers } = configured;
      if (isName(host) && domainNameServers.length === 0) await routers.find(remaining(), stage);
      // RFC 8106 §5.3.1: those of DHCP first.
      const all = [...new Set([...domainNameServers, ...routers.addresses])];
      // An address by autoconfiguration comes without name servers, so that those of the network count on every interface.
      const named = new NamedNetwork(network, { nameServers: all, family: 'ipv6', interface: chosen.name });
      const reach = reachByIpv6(named, () => ({ ...options, timeout: remaining() }));
      for (const each of [isName(host) ? all[0] : undefined, host]) if (each !== undefined) await reach(each, stage);
      return { result: configured, nameServers: all, named };
    },
    (learned) => describeDhcp6Result(learned.result),
  );
  const { rootPath, bootFileUrl, held } = result;
  return {
    parameters: rootPath === undefined ? {} : parametersOfRootPath(rootPath, 'dhcp'),
    interface: chosen,
    bootFile: () => (bootFileUrl === undefined ? undefined : parseSoftwareUrl(bootFileUrl)),
    lease: leasedByDhcp6(nameServers),
    lost: held.lost,
    // Another host than the one that was waited for, such as what a redirection or a discovery service names.
    reach: reachByIpv6(named, () => ({ ...options, timeout: LATER_PATIENCE })),
    network: named,
  };
}
