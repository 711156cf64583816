import type { RootPath } from '../../../iscsi/root-path.ts';
import { type ClientKind, clientKinds, clients, isFor, readingProblems } from '../clients.ts';
import type { Rule } from '../finding.ts';

export const clientMisreads: Rule = ({ disks }) =>
  disks.flatMap(({ namings, text, path }) =>
    clientKinds
      .filter((kind) => isFor(kind, { namings }) && !isOfOtherFamily(kind, path))
      .flatMap((kind) =>
        readingProblems(kind, text, path).map((problem) => ({
          code: 'DOCTOR_CLIENT_MISREADS',
          // A machine has one of these clients: whether it is this one, only its owner knows.
          level: 'warning' as const,
          rootPath: text,
          what: `${clients[kind].title} does not read ${text} as it is meant: it ${problem}`,
          why: 'It does not keep to the Root Path of RFC 4173 §5 there.',
          todo: 'Where such machines boot here, write the Root Path so that they read it.',
          clients: [kind],
        })),
      ),
  );

/** A server's address tells whose it is where there is a client for each family; Debian's knows of one alone. */
function isOfOtherFamily(kind: ClientKind, { server }: RootPath): boolean {
  if (server === undefined || server.kind === 'name' || kind === 'debian') return false;
  return server.kind !== clients[kind].family;
}
