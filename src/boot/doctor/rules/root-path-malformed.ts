import type { Rule } from '../finding.ts';

export const rootPathMalformed: Rule = ({ offers = [] }) => {
  const malformed = new Map(
    offers.flatMap(({ server, rootPath }) =>
      rootPath?.reading.kind === 'malformed'
        ? [[`${server} ${rootPath.text}`, { server, rootPath, error: rootPath.reading.error }] as const]
        : [],
    ),
  );
  return [...malformed.values()].map(({ server, rootPath, error }) => ({
    code: 'DOCTOR_ROOT_PATH_MALFORMED',
    level: 'error' as const,
    what: `${server} sends the Root Path "${rootPath.text}": ${error.message} (${error.code})`,
    why: 'Each client makes something else of a Root Path that is not as RFC 4173 §5 says.',
    todo: error.hint ?? 'diskless root-path format writes one that is.',
  }));
};
