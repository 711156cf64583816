import type { Rule } from '../finding.ts';

/** How a login ends where the other side does not speak iSCSI. */
const notIscsi = /^(ISCSI_LOGIN_(CLOSED|TIMEOUT|UNEXPECTED|ENDLESS)|ISCSI_PDU_.*|NETWORK_RESET)$/;

export const noTarget: Rule = ({ disks }) =>
  disks.flatMap(({ text, portal, login }) =>
    login.kind !== 'failed' || !notIscsi.test(login.error.code)
      ? []
      : [
          {
            code: 'DOCTOR_NO_TARGET',
            level: 'error' as const,
            rootPath: text,
            what: `${portal} takes connections and is no iSCSI target: ${login.error.message} (${login.error.code})`,
            why: 'Another program has the port, or a target that hangs.',
            todo: 'Look at what listens there (ss -lntp), and correct the port of the Root Path.',
          },
        ],
  );

export function isNotIscsi(code: string): boolean {
  return notIscsi.test(code);
}
