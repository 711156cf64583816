import type { Rule } from '../finding.ts';

export const targetHidden: Rule = ({ disks }) =>
  disks.flatMap(({ text, path, portal, login, listed }) => {
    if (login.kind !== 'good' || listed.kind === 'not tried') return [];
    if (listed.kind === 'good' && listed.value.includes(path.targetName)) return [];
    const shown =
      listed.kind === 'failed' ? `${listed.error.message} (${listed.error.code})` : 'it is not among the names';
    return [
      {
        code: 'DOCTOR_TARGET_HIDDEN',
        level: 'error' as const,
        rootPath: text,
        what: `${portal} lets machines in to ${path.targetName}, but does not tell its name to SendTargets: ${shown}`,
        why: 'dracut looks for the name by SendTargets first, and does not log in when it is not there.',
        todo: 'Let the target answer discovery sessions of this initiator.',
        clients: ['dracut', 'dracut-v6'] as const,
      },
    ];
  });
