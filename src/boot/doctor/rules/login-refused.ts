import type { Rule } from '../finding.ts';
import { isNotIscsi } from './no-target.ts';

export const loginRefused: Rule = ({ disks }) =>
  disks.flatMap(({ text, path, portal, login }) =>
    login.kind !== 'failed' || isNotIscsi(login.error.code)
      ? []
      : [
          {
            code: 'DOCTOR_LOGIN_REFUSED',
            level: 'error' as const,
            rootPath: text,
            what: `${portal} does not let this machine in to ${path.targetName}: ${login.error.message} (${login.error.code})`,
            why: 'The name of the target is wrong, or the target is not for the initiator name, the address or the secret of this machine.',
            todo: login.error.hint ?? 'Compare the names; --initiator and --chap-file ask as another machine.',
          },
        ],
  );
