/** What the user of the boot client says. Everything is optional: what is said bypasses the stages that would find it out (RFC 4173 §2). */

import type { RootPath } from '../iscsi/root-path.ts';
import type { ServerName } from '../iscsi/server-name.ts';
import type { DhcpMethod } from './dhcp-stage.ts';

export interface BootRequest {
  /** The network interface to ask on. */
  readonly interface?: string;
  readonly rootPath?: RootPath;
  /** These count more than the same fields of `rootPath`. */
  readonly server?: ServerName;
  readonly port?: number;
  /** Eight bytes. */
  readonly lun?: Uint8Array;
  readonly targetName?: string;
  readonly initiatorName?: string;
  readonly dhcp: DhcpMethod | 'off';
  /** Option 60: whom to ask DHCP as. */
  readonly dhcpVendorClass?: string;
  readonly discovery: 'sendtargets' | 'off';
}
