import { type Ipv6Address, type Ipv6Prefix, ipv6InPrefix, ipv6Scope, parseIpv6 } from '../../../bytes/index.ts';
import { clientsOver } from '../clients.ts';
import type { Finding, Rule } from '../finding.ts';
import { type NamedRootPath, namedRootPaths } from '../named-root-paths.ts';
import type { SeenRouter } from '../observation.ts';

export const gatewayIpv6: Rule = (seen) => {
  const { routers } = seen;
  return routers === undefined ? [] : namedRootPaths(seen).flatMap((named) => findingsOf(named, routers));
};

/** DHCPv6 gives no prefix: what is on the link, and who leads elsewhere, routers tell (RFC 8415 §18.2.10.1). */
function findingsOf({ server: by, rootPath: { reading } }: NamedRootPath, routers: readonly SeenRouter[]): Finding[] {
  const server = reading.kind === 'iscsi' ? reading.path.server : undefined;
  if (server?.kind !== 'ipv6') return [];
  const address = parseIpv6(server.address);
  if (ipv6Scope(address) === 'link-local' || routers.some(({ onLink }) => isIn(address, onLink))) return [];
  const where = `the disk's server ${address}, which ${by} names, is in no prefix that a router advertises as on-link`;
  const ways = routers.filter(({ routes }) => isIn(address, routes)).map((router) => router.address);
  if (ways.length === 0) {
    return [
      {
        code: 'DOCTOR_NO_GATEWAY',
        level: 'error',
        what: `${where}, and no router advertises a way there`,
        why: 'DHCPv6 tells a machine of no route: without a router that does, it has no way to its disk.',
        todo: "Let a router advertise the prefix of the disk's server as on-link, or itself as a default router.",
        clients: clientsOver('ipv6'),
      },
    ];
  }
  return [
    {
      code: 'DOCTOR_GATEWAY',
      level: 'warning',
      what: `${where}: the disk is reached through ${ways.join(' or ')}`,
      why: 'All of the disk goes through that router, and a system that heeds no advertisements as it starts loses the disk.',
      todo: 'Give server and machines one prefix that is on-link, or keep the route in the system; check the prefix length.',
      clients: clientsOver('ipv6'),
    },
  ];
}

function isIn(address: Ipv6Address, prefixes: readonly Ipv6Prefix[]): boolean {
  return prefixes.some((prefix) => ipv6InPrefix(address, prefix));
}
