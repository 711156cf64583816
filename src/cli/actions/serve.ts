/** The boot server, until it is told to stop. */

import { totalmem } from 'node:os';
import { DisklessError } from '../../bytes/index.ts';
import { systemClock } from '../../os/clock.ts';
import { hearIcmpv6, sendIcmpv6 } from '../../os/icmpv6-socket.ts';
import { kernelNeighbours } from '../../os/neighbours.ts';
import { nodeFileSystem } from '../../os/node-file-system.ts';
import { nodeNetwork } from '../../os/node-network.ts';
import { runProcess } from '../../os/process.ts';
import { BootServer } from '../../server/boot-server.ts';
import type { BootServerOptions, Ipv6Options, LoaderPlace, SlpOptions } from '../../server/options.ts';
import { scopeList } from '../../slp/text.ts';
import { defaultDataDirectory } from '../data-directory.ts';
import { readDhcpKeys } from '../dhcp-keys.ts';
import { jsonEvents, readableEvents } from '../event-writer.ts';
import { ipv4Of, ipv6Of } from '../network-values.ts';
import type { ServeSettings } from '../serve-settings.ts';
import { flagName } from '../setting.ts';
import { untilStopped } from '../until-stopped.ts';

export async function serve(settings: ServeSettings): Promise<void> {
  await serveUntilStopped(await serverOptions(settings), settings.json);
}

async function serverOptions(settings: ServeSettings): Promise<BootServerOptions> {
  if (settings.image === undefined) {
    throw new DisklessError('USAGE_IMAGE_MISSING', 'no image was given', {
      hint: 'Name the disk image that the machines boot from: diskless serve debian.img --interface eth1',
    });
  }
  return {
    image: settings.image,
    interfaces: settings.interface,
    dataDirectory: settings.data ?? defaultDataDirectory(),
    dhcpMode: settings.dhcp,
    ipv6: ipv6Options(settings),
    pools: ipv4Of(settings.pool),
    relayedSubnets: ipv4Of(settings.relayedSubnet),
    reservations: ipv4Of(settings.reserve),
    authenticationKeys:
      settings.dhcpAuthFile === undefined ? [] : await readDhcpKeys(nodeFileSystem, settings.dhcpAuthFile),
    router: settings.router,
    dns: ipv4Of(settings.dns),
    domain: settings.domain,
    searchDomains: settings.searchDomain,
    leaseTime: settings.leaseTime,
    dhcpProbe: settings.dhcpProbe,
    http: settings.http ?? { port: 8080 },
    tftpPort: settings.tftpPort,
    iscsiPort: settings.iscsiPort,
    slp: settings.slp ? slpOptions(settings) : undefined,
    loaders: loaderPlace(settings.loaderDir),
    isns: settings.isns,
    isnsControlNodes: settings.isnsControl,
    isnsServer: settings.isnsServer,
    targetPrefix: settings.targetPrefix,
    cacheSize: settings.cache ?? Math.floor(totalmem() / 4),
  };
}

/** Raises USAGE_IPV6_NOT_SERVED. */
function ipv6Options(settings: ServeSettings): Ipv6Options | undefined {
  const given = {
    ipv6Prefix: settings.ipv6Prefix,
    pool: ipv6Of(settings.pool),
    relayedSubnet: ipv6Of(settings.relayedSubnet),
    reserve: ipv6Of(settings.reserve),
    dns: ipv6Of(settings.dns),
    slpAgent: ipv6Of(settings.slpAgent),
    http: [settings.http?.address].filter((address) => address?.includes(':')),
  };
  if (settings.dhcp6) {
    return {
      prefixes: given.ipv6Prefix,
      pools: given.pool,
      relayedPrefixes: given.relayedSubnet,
      reservations: given.reserve,
      dns: given.dns,
      rapidCommit: settings.rapidCommit,
    };
  }
  const idle = Object.entries(given).find(([, values]) => values.length > 0);
  if (idle === undefined) return undefined;
  throw new DisklessError('USAGE_IPV6_NOT_SERVED', `${flagName(idle[0])} is of IPv6, which is not served`, {
    hint: 'Give --dhcp6 on as well.',
  });
}

function slpOptions({ slpScope, slpAgent, slpIpsec }: ServeSettings): SlpOptions {
  return { scopes: scopeList(slpScope), directoryAgents: slpAgent.map(({ value }) => value), isIpsecPresent: slpIpsec };
}

function loaderPlace(directory: string | undefined): LoaderPlace {
  if (directory === undefined) return { kind: 'package' };
  return directory === 'off' ? { kind: 'none' } : { kind: 'directory', path: directory };
}

async function serveUntilStopped(options: BootServerOptions, json: boolean): Promise<void> {
  const listener = json ? jsonEvents(process.stdout) : readableEvents(process.stderr);
  const platform = {
    ...{ network: nodeNetwork, files: nodeFileSystem, clock: systemClock, run: runProcess },
    ...{ neighbours: kernelNeighbours, sendIcmpv6, hearIcmpv6 },
  };
  await untilStopped(async (signal) => {
    const server = await BootServer.start(options, platform, listener, signal);
    return {
      async stop(reason) {
        listener({ time: systemClock.now(), event: 'stopping', reason });
        await server.close();
      },
    };
  });
}
