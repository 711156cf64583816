/**
 * How real clients read a Root Path, and where that is not what RFC 4173 §5 says: iPXE, the iSCSI of UEFI (EDK2) over IPv4 and IPv6,
 * dracut, and Debian's initramfs with `root=iscsi:`.
 */

import { type RootPath, rootPathDefaults } from '../../iscsi/root-path.ts';
import { decodeLun } from '../../scsi/lun.ts';
import type { AskedAs, SeenDisk } from './observation.ts';
import { type WrittenFields, writtenFields } from './root-path-reading.ts';

export const clientKinds = ['ipxe', 'ipxe-v6', 'uefi-v4', 'uefi-v6', 'dracut', 'dracut-v6', 'debian'] as const;
export type ClientKind = (typeof clientKinds)[number];

export interface Client {
  readonly title: string;
  /** Over which its DHCP is, and its disk. */
  readonly family: 'ipv4' | 'ipv6';
  /** How a DHCP server sees it when it asks for its disk. */
  readonly asksAs: AskedAs;
  /** What it makes of a Root Path that is well-formed: clauses that follow "it"; none when it reads it as it is meant. */
  readonly problems: (fields: WrittenFields, path: RootPath) => readonly string[];
}

export const clients: Readonly<Record<ClientKind, Client>> = {
  ipxe: {
    title: 'iPXE',
    family: 'ipv4',
    asksAs: 'ipxe',
    problems: ipxe,
  },
  'ipxe-v6': {
    title: 'iPXE, IPv6',
    family: 'ipv6',
    asksAs: 'ipxe',
    problems: ipxe,
  },
  'uefi-v4': {
    title: 'UEFI iSCSI, IPv4',
    family: 'ipv4',
    asksAs: 'plain',
    problems: (fields, { server }) => [
      ...uefi(fields),
      ...given(
        server === undefined && 'refuses a blank server name',
        server?.kind === 'ipv6' && 'ends the server name at its first colon, brackets or not',
        server?.kind === 'name' && /^[0-9]/.test(server.name) && 'takes a name that starts with a digit for an address',
      ),
    ],
  },
  'uefi-v6': {
    title: 'UEFI iSCSI, IPv6',
    family: 'ipv6',
    asksAs: 'plain',
    problems: (fields, { server }) => [
      ...uefi(fields),
      ...given(
        server === undefined && 'takes a blank server name for a name without letters, and asks DNS for it',
        server?.kind === 'ipv4' && 'takes an IPv4 address for a name, and asks DNS for it',
      ),
    ],
  },
  dracut: {
    title: 'dracut',
    family: 'ipv4',
    asksAs: 'plain',
    problems: dracut,
  },
  // Its client of DHCPv6 does not ask for the boot file URL: the kernel command line has to have it.
  'dracut-v6': {
    title: 'dracut, ip=dhcp6 and netroot=',
    family: 'ipv6',
    asksAs: 'plain',
    problems: dracut,
  },
  debian: {
    title: 'Debian initramfs',
    family: 'ipv4',
    asksAs: 'plain',
    problems: ({ server }) =>
      given(
        server === '' && 'has no discovery, and ignores a Root Path without a server name',
        server.startsWith('[') && 'ends the server name at its first colon, brackets or not',
      ),
  },
};

export function clientsOver(family: Client['family']): ClientKind[] {
  return clientKinds.filter((kind) => clients[kind].family === family);
}

/** Whether what was tried is what the client would get. */
export function isFor(kind: ClientKind, { namings }: Pick<SeenDisk, 'namings'>): boolean {
  const { family, asksAs } = clients[kind];
  return namings.some(({ askedAs }) => {
    if (askedAs === 'user') return true;
    // iPXE has no Root Path over DHCPv6: the URL is that of a file to it.
    return family === 'ipv6' ? askedAs === 'dhcp6' && asksAs === 'plain' : askedAs === asksAs;
  });
}

/** But for the LUN, which is a matter of its own: see `lunProblem`. */
export function readingProblems(kind: ClientKind, text: string, path: RootPath): readonly string[] {
  return clients[kind].problems(writtenFields(text), path);
}

function ipxe({ server }: WrittenFields): string[] {
  return given(server === '' && 'has no discovery, and fails without a server name');
}

function dracut({ server, targetName }: WrittenFields): string[] {
  return given(
    server === '' && 'has no discovery, and can do nothing without a server name',
    /:(iqn|eui|naa)\./.test(targetName) && 'starts the target name at the last ":iqn.", ":eui." or ":naa." in it',
  );
}

/** What both of UEFI's readers do. */
function uefi({ prefix, protocol, targetName }: WrittenFields): string[] {
  return given(
    prefix !== 'iscsi:' && 'wants the prefix "iscsi:" in lower case',
    protocol.length > 1 && `wants the protocol blank or one digit, and it is "${protocol}"`,
    !targetName.toLowerCase().startsWith('iqn.') && 'takes target names of the type iqn. only',
    /[^\x00-\x7f]/.test(targetName) && 'takes target names of ASCII only',
  );
}

/**
 * dracut and Debian look for the LUN's text in /dev/disk/by-path, where it is decimal; RFC 4173 §5 makes it hexadecimal. The two are
 * the same for 0 to 9 without leading zeros.
 */
export function lunProblem(lun: string, path: RootPath): string | false {
  if (lun === '' || /^[0-9]$/.test(lun)) return false;
  const number = decodeLun(path.lun ?? rootPathDefaults.lun);
  const name = number !== undefined && number < 256 ? `lun-${number}` : 'otherwise';
  return `looks for lun-${lun} among the disks, and Linux calls this one ${name}`;
}

function given(...problems: readonly (string | false)[]): string[] {
  return problems.filter((problem) => problem !== false);
}
