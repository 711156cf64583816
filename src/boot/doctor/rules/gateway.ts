import { IPV4_ANY, ipv4InSubnet, ipv4Subnet } from '../../../bytes/index.ts';
import { routeTowards } from '../../interface-setup.ts';
import { clientsOver } from '../clients.ts';
import type { Finding, Rule } from '../finding.ts';
import type { SeenOffer } from '../observation.ts';

export const gateway: Rule = ({ offers = [] }) => offers.flatMap(findingsOf);

function findingsOf({ server: by, address, prefix, routes, rootPath }: SeenOffer): Finding[] {
  const server = rootPath?.reading.kind === 'iscsi' ? rootPath.reading.path.server : undefined;
  if (address === undefined || server?.kind !== 'ipv4') return [];
  if (ipv4InSubnet(server.address, ipv4Subnet(address, prefix))) return [];
  const where = `the disk's server ${server.address} is outside of ${address}/${prefix}, which ${by} gives`;
  const route = routeTowards(server.address, routes);
  if (route === undefined) {
    return [
      {
        code: 'DOCTOR_NO_GATEWAY',
        level: 'error',
        what: `${where}, and it names no way there`,
        why: 'A machine without a route to its server has no disk.',
        todo: 'Let the DHCP server name a router (option 3), or correct the subnet mask (option 1).',
        clients: clientsOver('ipv4'),
      },
    ];
  }
  if (route.router === IPV4_ANY) return [];
  return [
    {
      code: 'DOCTOR_GATEWAY',
      level: 'warning',
      what: `${where}: the disk is reached through ${route.router}`,
      why: 'All of the disk goes through that router, and a system that changes its default route as it starts loses the disk.',
      todo: 'Give server and machines one subnet, or keep the route in the system (rd.route=, a static route); check the mask.',
      clients: clientsOver('ipv4'),
    },
  ];
}
