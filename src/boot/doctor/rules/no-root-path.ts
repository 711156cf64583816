import { clients, clientsOver } from '../clients.ts';
import type { Rule } from '../finding.ts';
import type { SeenOffer } from '../observation.ts';

const namesDisk = ({ rootPath }: SeenOffer): boolean => rootPath !== undefined && rootPath.reading.kind !== 'other';

export const noRootPath: Rule = ({ offers = [], lease }) => {
  if (offers.length === 0) return [];
  return (['plain', 'ipxe'] as const).flatMap((askedAs) => {
    const asked = offers.filter((offer) => offer.askedAs === askedAs);
    if (asked.some(namesDisk)) return [];
    // The acknowledgement may still name it: another finding.
    if (askedAs === 'plain' && lease?.rootPathInAck !== undefined) return [];
    const other = asked.find(({ rootPath }) => rootPath !== undefined)?.rootPath?.text;
    return [
      {
        code: 'DOCTOR_NO_ROOT_PATH',
        level: 'error' as const,
        what:
          other === undefined
            ? `no DHCP server names a disk to ${whom[askedAs]}`
            : `the Root Path that ${whom[askedAs]} gets, "${other}", is not one of iSCSI`,
        why: 'The Root Path (option 17) with the prefix "iscsi:" is how a machine learns where its disk is (RFC 4173 §5).',
        todo: 'Let the DHCP server send option 17, such as iscsi:192.0.2.5::::iqn.2001-04.com.example:disk.',
        clients: clientsOver('ipv4').filter((kind) => clients[kind].asksAs === askedAs),
      },
    ];
  });
};

const whom = { plain: 'a machine that asks plainly', ipxe: 'iPXE' } as const;
