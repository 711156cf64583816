import { lunProblem } from '../clients.ts';
import type { Rule } from '../finding.ts';
import { writtenFields } from '../root-path-reading.ts';

export const lunDecimal: Rule = ({ disks }) =>
  disks.flatMap(({ text, path }) => {
    const problem = lunProblem(writtenFields(text).lun, path);
    if (problem === false) return [];
    return [
      {
        code: 'DOCTOR_LUN_DECIMAL',
        level: 'error' as const,
        rootPath: text,
        what: `a system with root=${text} ${problem}`,
        why: 'RFC 4173 §5 makes the LUN hexadecimal; dracut and Debian take its text for the decimal one of /dev/disk/by-path.',
        todo: 'Give the machine its disk at a LUN of 0 to 9, written without leading zeros.',
        clients: ['dracut', 'dracut-v6', 'debian'] as const,
      },
    ];
  });
