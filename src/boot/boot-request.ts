/** What the user of the boot client says. Everything is optional: what is said bypasses the stages that would find it out (RFC 4173 §2). */

import type { IpNetwork } from '../bytes/index.ts';
import type { RootPath } from '../iscsi/root-path.ts';
import type { ServerName } from '../iscsi/server-name.ts';
import type { DhcpMethod } from './dhcp-stage.ts';
import type { ServiceLocations } from './discovery-service.ts';
import type { SoftwareChoice } from './software-source.ts';

export interface BootRequest {
  /** The network interface to ask on. */
  readonly interface?: string;
  readonly rootPath?: RootPath;
  /** With its server: another way to the disk, or to another one, for when the first one fails. DHCP's counts less. */
  readonly secondRootPath?: RootPath;
  /** These count more than the same fields of `rootPath`. */
  readonly server?: ServerName;
  readonly port?: number;
  /** Eight bytes. */
  readonly lun?: Uint8Array;
  readonly targetName?: string;
  readonly initiatorName?: string;
  /** What the software stage fetches; nothing when it is not there. */
  readonly software?: SoftwareChoice;
  /** The SHA-256 that it must have, in lower-case hexadecimal. */
  readonly softwareDigest?: string;
  readonly dhcp: DhcpMethod | Dhcp6Method | 'off';
  /** Option 60: whom to ask DHCP as. */
  readonly dhcpVendorClass?: string;
  /** `auto`: SendTargets where a server is known, else SLP and iSNS. */
  readonly discovery: 'auto' | 'slp' | 'isns' | 'sendtargets' | 'off';
  /** Where discovery services are; what DHCP says of it counts less. */
  readonly locations?: Partial<ServiceLocations>;
  /** Refuses what RFC 4173 §8 calls insecure: see secure-policy.ts. */
  readonly secure?: boolean;
  /** Where there are some: the only servers to use beside the one that the user names. */
  readonly authorizedServers?: readonly IpNetwork[];
}

/** `v6` asks DHCPv6 for an address and the disk, `v6-stateless` for the disk alone, where there is an address by autoconfiguration. */
export type Dhcp6Method = 'v6' | 'v6-stateless';

export function asksDhcp6(method: BootRequest['dhcp']): method is Dhcp6Method {
  return method === 'v6' || method === 'v6-stateless';
}
