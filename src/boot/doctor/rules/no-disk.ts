import type { Rule } from '../finding.ts';

export const noDisk: Rule = ({ disks }) =>
  disks.flatMap(({ text, disk }) =>
    disk.kind !== 'failed'
      ? []
      : [
          {
            code: 'DOCTOR_NO_DISK',
            level: 'error' as const,
            rootPath: text,
            what: `the target of ${text} gives no disk: ${disk.error.message} (${disk.error.code})`,
            why: 'The session is there, and nothing to boot from in it.',
            todo: disk.error.hint ?? 'Correct the LUN of the Root Path.',
          },
        ],
  );
