import { clientsOver } from '../clients.ts';
import type { Rule } from '../finding.ts';
import { namedRootPaths } from '../named-root-paths.ts';

export const rootPathMalformed: Rule = (seen) =>
  namedRootPaths(seen).flatMap(({ server, family, rootPath: { text, reading } }) =>
    reading.kind !== 'malformed'
      ? []
      : [
          {
            code: 'DOCTOR_ROOT_PATH_MALFORMED',
            level: 'error' as const,
            what: `${server} sends the Root Path "${text}": ${reading.error.message} (${reading.error.code})`,
            why: 'Each client makes something else of a Root Path that is not as RFC 4173 §5 says.',
            todo: reading.error.hint ?? 'diskless root-path format writes one that is.',
            clients: clientsOver(family),
          },
        ],
  );
