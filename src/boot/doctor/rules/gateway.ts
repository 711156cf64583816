import { ipv4InSubnet, ipv4Subnet } from '../../../bytes/index.ts';
import type { Finding, Rule } from '../finding.ts';
import type { SeenOffer } from '../observation.ts';

export const gateway: Rule = ({ offers = [] }) => {
  const findings = offers.flatMap(findingsOf).map((finding) => [finding.what, finding] as const);
  return [...new Map(findings).values()];
};

function findingsOf({ server: by, address, prefix, router, rootPath }: SeenOffer): Finding[] {
  const server = rootPath?.reading.kind === 'iscsi' ? rootPath.reading.path.server : undefined;
  if (address === undefined || server?.kind !== 'ipv4') return [];
  if (ipv4InSubnet(server.address, ipv4Subnet(address, prefix))) return [];
  const where = `the disk's server ${server.address} is outside of ${address}/${prefix}, which ${by} gives`;
  if (router === undefined) {
    return [
      {
        code: 'DOCTOR_NO_GATEWAY',
        level: 'error',
        what: `${where}, and it names no router`,
        why: 'A machine without a route to its server has no disk.',
        todo: 'Let the DHCP server name a router (option 3), or correct the subnet mask (option 1).',
      },
    ];
  }
  return [
    {
      code: 'DOCTOR_GATEWAY',
      level: 'warning',
      what: `${where}: the disk is reached through ${router}`,
      why: 'All of the disk goes through that router, and a system that changes its default route as it starts loses the disk.',
      todo: 'Give server and machines one subnet, or keep the route in the system (rd.route=, a static route); check the mask.',
    },
  ];
}
