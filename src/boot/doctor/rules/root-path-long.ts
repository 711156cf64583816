import type { Rule } from '../finding.ts';
import { namedRootPaths } from '../named-root-paths.ts';

/** An option's length is one byte; what is longer comes in pieces (RFC 3396), which many clients do not join. */
const LONGEST = 255;

const why = {
  ipv4: `An option holds ${LONGEST}. UEFI reads the first piece of a longer one only (RFC 3396 is optional to read).`,
  ipv6: `DHCPv6 has room for it, and UEFI counts its bytes up to ${LONGEST} only.`,
} as const;

export const rootPathLong: Rule = (seen) =>
  namedRootPaths(seen)
    .filter(({ rootPath }) => rootPath.length > LONGEST)
    .map(({ server, family, rootPath }) => ({
      code: 'DOCTOR_ROOT_PATH_LONG',
      level: 'error' as const,
      what: `${server} sends a Root Path of ${rootPath.length} bytes`,
      why: why[family],
      todo: 'Give the target a shorter name, and the server by its address.',
      clients: [family === 'ipv4' ? 'uefi-v4' : 'uefi-v6'],
    }));
