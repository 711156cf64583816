import type { Rule } from '../finding.ts';

export const serverUnreachable: Rule = ({ disks }) =>
  disks.flatMap(({ text, connection }) =>
    connection.kind !== 'failed'
      ? []
      : [
          {
            code: 'DOCTOR_SERVER_UNREACHABLE',
            level: 'error' as const,
            rootPath: text,
            what: `the server of ${text} is not there: ${connection.error.message} (${connection.error.code})`,
            why: 'A machine reaches its disk by TCP and by nothing else.',
            todo: connection.error.hint ?? 'Start the target, or correct its address in the Root Path.',
          },
        ],
  );
