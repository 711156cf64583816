import type { Rule } from '../finding.ts';

export const rootPathNotOffered: Rule = ({ lease }) => {
  if (lease?.rootPathInAck === undefined || lease.rootPathInOffer !== undefined) return [];
  return [
    {
      code: 'DOCTOR_ROOT_PATH_NOT_OFFERED',
      level: 'error',
      what: `${lease.server} names the disk in its ACK and not in its OFFER`,
      why: "UEFI's iSCSI takes only an OFFER that carries the Root Path.",
      todo: 'Let the DHCP server send option 17 in the OFFER too.',
      clients: ['uefi-v4'],
    },
  ];
};
