/**
 * What a secure boot refuses (RFC 4173 §8). Each refusal names its row in docs/rfc/4173.md. IPsec is the operating system's to do
 * (`diskless ipsec print`): this program cannot see whether it is there, so what is only safe with it is refused.
 */

import { DisklessError, type IpNetwork, inIpNetwork, isIpv4 } from '../bytes/index.ts';
import type { ChapCredentials } from '../iscsi/chap.ts';
import { canonicalIpv6, serverHost } from '../iscsi/server-name.ts';
import type { BootRequest } from './boot-request.ts';

/** Raises when the server at `host`, a name or a literal, is not one to talk iSCSI with. */
export type Admit = (host: string) => void;

/** Before anything is sent. Raises BOOT_SECURE_SOFTWARE and BOOT_SECURE_CHAP. */
export function refuseInsecureRequest(request: BootRequest, chap: ChapCredentials | undefined): void {
  if (request.secure !== true) return;
  if (request.software !== undefined) {
    throw refusal(
      'BOOT_SECURE_SOFTWARE',
      56,
      'a secure boot has no software stage',
      'Leave out --software-stage, or --secure.',
    );
  }
  if (chap?.target === undefined) {
    const what = chap === undefined ? 'no CHAP secret is given' : 'the target is not asked for proof';
    throw refusal(
      'BOOT_SECURE_CHAP',
      66,
      `a secure boot authenticates both ends, and ${what}`,
      'Give --chap-file with a line "initiator NAME SECRET" and a line "target NAME SECRET".',
    );
  }
}

/** Before DHCP is asked. `isAuthenticated`: only servers that prove a key are believed (RFC 3118). Raises BOOT_SECURE_DHCP. */
export function refuseInsecureDhcp({ secure }: BootRequest, isAuthenticated: boolean): void {
  if (secure !== true || isAuthenticated) return;
  throw refusal(
    'BOOT_SECURE_DHCP',
    57,
    'a secure boot believes only authenticated DHCP, and no key is given',
    'Give the interface an address and name server and target, so that nobody needs to be asked.',
  );
}

/** Before a service is asked that is only safe with IPsec, which finds servers for whoever answers first. Raises BOOT_SECURE_DISCOVERY. */
export function refuseInsecureDiscovery({ secure }: BootRequest, services: readonly string[]): void {
  if (secure !== true || !services.some((name) => name === 'slp' || name === 'isns')) return;
  throw refusal(
    'BOOT_SECURE_DISCOVERY',
    59,
    'a secure boot has its server named by address, not found by SLP or iSNS',
    'Give --server-name, or let authenticated DHCP name the server in the Root Path.',
  );
}

/**
 * Which servers the boot may use: with --secure only literals, and of these the one that the user names and those that are listed;
 * with a list alone, the same of literals. The Admit raises BOOT_SECURE_LITERAL and BOOT_SECURE_SERVER.
 */
export function admission(request: BootRequest): Admit {
  const { secure = false, authorizedServers = [], server, rootPath } = request;
  if (!secure && authorizedServers.length === 0) return () => {};
  const named = server ?? rootPath?.server;
  const ofUser = named === undefined ? undefined : serverHost(named);
  return (host) => {
    if (!isIpv4(host) && canonicalIpv6(host) === undefined) {
      throw refusal(
        'BOOT_SECURE_LITERAL',
        59,
        `the server "${host}" is named by a name, which whoever answers for it can be`,
        'Name it by its address.',
      );
    }
    if (host === ofUser || isListed(host, authorizedServers)) return;
    throw refusal(
      'BOOT_SECURE_SERVER',
      55,
      `the server ${host} is not authorised: it is none of --authorized-server`,
      'Name it with --authorized-server.',
    );
  };
}

function isListed(host: string, networks: readonly IpNetwork[]): boolean {
  return networks.some((network) => inIpNetwork(host, network));
}

function refusal(code: string, row: number, message: string, hint: string): DisklessError {
  return new DisklessError(code, `${message} (RFC 4173 §8, row ${row})`, { hint });
}
