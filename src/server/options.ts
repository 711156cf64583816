/** What a boot server is told to do. The command line, the environment and the config file end here, already checked. */

import type { Ipv4Address } from '../bytes/index.ts';
import type { AddressRange } from '../dhcp/server/subnet.ts';

/**
 * `full` gives addresses and boot information, `proxy` only boot information beside another DHCP server, `off` neither; `auto`
 * looks for another server first and then is one of the first two.
 */
export type DhcpMode = 'auto' | 'full' | 'proxy' | 'off';

export interface HttpEndpoint {
  /** Without one: every served interface's own address. */
  readonly address?: Ipv4Address;
  readonly port: number;
}

/** Where boot loaders are: the distribution's package, a directory, or nowhere, when all machines have iPXE already. */
export type LoaderPlace =
  | { readonly kind: 'package' }
  | { readonly kind: 'none' }
  | { readonly kind: 'directory'; readonly path: string };

export interface BootServerOptions {
  /** Path of the golden image. */
  readonly image: string;
  /** Names of the interfaces to serve. */
  readonly interfaces: readonly string[];
  /** Directory of everything that is kept. */
  readonly dataDirectory: string;
  readonly dhcpMode: DhcpMode;
  /** Serve machines over IPv6 as well: DHCPv6, and everything else at the interface's IPv6 address. */
  readonly dhcp6: boolean;
  /** Empty: chosen from each interface's subnet. */
  readonly pools: readonly AddressRange[];
  readonly router: Ipv4Address | undefined;
  readonly dns: readonly Ipv4Address[];
  /** Seconds. */
  readonly leaseTime: number;
  readonly http: HttpEndpoint;
  readonly tftpPort: number;
  readonly iscsiPort: number;
  readonly loaders: LoaderPlace;
  /** Beginning of every machine's target name. */
  readonly targetPrefix: string;
  /** Bytes of memory for image blocks. */
  readonly cacheSize: number;
}
