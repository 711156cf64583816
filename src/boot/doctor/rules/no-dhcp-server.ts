import { clientsOver } from '../clients.ts';
import type { Rule } from '../finding.ts';

export const noDhcpServer: Rule = ({ offers }) => {
  if (offers === undefined || offers.some(({ kind }) => kind === 'address')) return [];
  const what =
    offers.length === 0 ? 'no DHCP server answers' : 'only a proxyDHCP server answers, and nobody gives addresses';
  return [
    {
      code: 'DOCTOR_NO_DHCP_SERVER',
      level: 'error',
      what,
      why: 'A machine without an address cannot ask anybody for its disk (RFC 4173 §5). Those that ask DHCPv6 do without.',
      clients: clientsOver('ipv4'),
      todo: 'Start a DHCP server on this network (diskless serve is one), or look at the cable, the switch port and the VLAN.',
    },
  ];
};
