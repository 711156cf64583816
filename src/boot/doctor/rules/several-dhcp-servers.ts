import type { Finding, Rule } from '../finding.ts';

export const severalDhcpServers: Rule = ({ offers = [], dhcp6 }) => {
  const overIpv4 = offers.filter(({ kind }) => kind === 'address').map(({ server }) => server);
  return [
    ...several('addresses', [...new Set<string>(overIpv4)]),
    ...several('addresses of IPv6', dhcp6?.servers ?? []),
  ];
};

function several(what: string, servers: readonly string[]): Finding[] {
  if (servers.length < 2) return [];
  return [
    {
      code: 'DOCTOR_SEVERAL_DHCP_SERVERS',
      level: 'warning',
      what: `${servers.length} servers give ${what}: ${servers.join(', ')}`,
      why: 'Which one a machine takes is its own choice: firmware, loader and system may end up with different addresses and disks.',
      todo: 'Leave one of them, or make the other a proxyDHCP server, which gives boot parameters only.',
    },
  ];
}
