import type { Rule } from '../finding.ts';

export const severalDhcpServers: Rule = ({ offers = [] }) => {
  const servers = [...new Set(offers.filter(({ kind }) => kind === 'address').map(({ server }) => server))];
  if (servers.length < 2) return [];
  return [
    {
      code: 'DOCTOR_SEVERAL_DHCP_SERVERS',
      level: 'warning',
      what: `${servers.length} servers give addresses: ${servers.join(', ')}`,
      why: 'Which one a machine takes is its own choice: firmware, loader and system may end up with different addresses and disks.',
      todo: 'Leave one of them, or make the other a proxyDHCP server, which gives boot parameters only.',
    },
  ];
};
