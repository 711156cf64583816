import type { Rule } from '../finding.ts';

/** An option's length is one byte; what is longer comes in pieces (RFC 3396), which many clients do not join. */
const LONGEST = 255;

export const rootPathLong: Rule = ({ offers = [] }) =>
  [...new Map(offers.map((offer) => [offer.server, offer])).values()]
    .filter(({ rootPath }) => (rootPath?.length ?? 0) > LONGEST)
    .map(({ server, rootPath }) => ({
      code: 'DOCTOR_ROOT_PATH_LONG',
      level: 'error' as const,
      what: `${server} sends a Root Path of ${rootPath?.length ?? 0} bytes`,
      why: `An option holds ${LONGEST}. UEFI reads the first piece of a longer one only (RFC 3396 is optional to read).`,
      todo: 'Give the target a shorter name, and the server by its address.',
      clients: ['uefi-v4', 'uefi-v6'] as const,
    }));
