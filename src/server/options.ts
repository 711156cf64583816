/** What a boot server is told to do. The command line, the environment and the config file end here, already checked. */

import type { Ipv4Address, Ipv4Subnet, Ipv6Address, Ipv6Prefix } from '../bytes/index.ts';
import type { AuthenticationKeyEntry } from '../dhcp/authentication-file.ts';
import type { AddressRange } from '../dhcp/server/subnet.ts';
import type { Ipv6Range } from '../dhcp6/server/link.ts';
import type { IscsiName } from '../iscsi/name.ts';

/**
 * `full` gives addresses and boot information, `proxy` only boot information beside another DHCP server, `off` neither; `auto`
 * looks for another server first and then is one of the first two.
 */
export type DhcpMode = 'auto' | 'full' | 'proxy' | 'off';

export interface HttpEndpoint {
  /** In place of the served interfaces' own addresses of its family; without one all of those. */
  readonly address?: Ipv4Address | Ipv6Address;
  readonly port: number;
}

/** Where boot loaders are: the distribution's package, a directory, or nowhere, when all machines have iPXE already. */
export type LoaderPlace =
  | { readonly kind: 'package' }
  | { readonly kind: 'none' }
  | { readonly kind: 'directory'; readonly path: string };

/** A network behind a relay agent. */
export interface RelayedSubnet {
  readonly subnet: Ipv4Subnet;
  /** The way from there to this server and its disks; undefined when the machines are to have none from DHCP. */
  readonly router: Ipv4Address | undefined;
}

/** An address for one client, whichever of its names it is known by. */
export interface Reservation<Address extends Ipv4Address | Ipv6Address> {
  /** A hardware address, `uuid:` and the machine's UUID, or in hexadecimal digits `id:` and DHCPv4's client identifier, `duid:` and DHCPv6's. */
  readonly client: string;
  readonly address: Address;
}

/** An IPv6 network behind a relay agent. */
export interface RelayedPrefix {
  readonly prefix: Ipv6Prefix;
  /** An address there that is nobody else's; undefined when none was named. */
  readonly router: Ipv6Address | undefined;
}

/** Serves machines over IPv6 as well: by DHCPv6, and everything else at the interface's IPv6 address. */
export interface Ipv6Options {
  /** Networks that are longer or shorter than the addresses of the interfaces say. */
  readonly prefixes: readonly Ipv6Prefix[];
  /** Empty: chosen from each interface's prefix. */
  readonly pools: readonly Ipv6Range[];
  readonly relayedPrefixes: readonly RelayedPrefix[];
  readonly reservations: readonly Reservation<Ipv6Address>[];
  readonly dns: readonly Ipv6Address[];
  /** Give addresses in two messages to clients that ask for it (RFC 8415 §18.3.1). */
  readonly rapidCommit: boolean;
}

export interface SlpOptions {
  /** Items of a scope list. */
  readonly scopes: readonly string[];
  /** To register with beside those that are found. */
  readonly directoryAgents: readonly (Ipv4Address | Ipv6Address)[];
  /** IPsec protects port 427: who may use which target may be told (RFC 4018 §6.1). */
  readonly isIpsecPresent: boolean;
}

export interface BootServerOptions {
  /** Path of the golden image. */
  readonly image: string;
  /** Names of the interfaces to serve. */
  readonly interfaces: readonly string[];
  /** Directory of everything that is kept. */
  readonly dataDirectory: string;
  readonly dhcpMode: DhcpMode;
  /** Undefined: machines are served over IPv4 alone. */
  readonly ipv6: Ipv6Options | undefined;
  /** Empty: chosen from each interface's subnet. */
  readonly pools: readonly AddressRange[];
  /** Networks without an interface of this machine, whose machines ask through a relay agent. */
  readonly relayedSubnets: readonly RelayedSubnet[];
  readonly reservations: readonly Reservation<Ipv4Address>[];
  /** Keys of clients that ask for authenticated DHCP (RFC 3118). */
  readonly authenticationKeys: readonly AuthenticationKeyEntry[];
  readonly router: Ipv4Address | undefined;
  readonly dns: readonly Ipv4Address[];
  readonly domain: string | undefined;
  /** Domains in which the machines look for names, in this order. */
  readonly searchDomains: readonly string[];
  /** Seconds. */
  readonly leaseTime: number;
  /** Milliseconds for which somebody may answer at an address before it is offered to somebody new; undefined: nobody is asked. */
  readonly dhcpProbe: number | undefined;
  readonly http: HttpEndpoint;
  readonly tftpPort: number;
  readonly iscsiPort: number;
  /** Undefined: SLP is not spoken. */
  readonly slp: SlpOptions | undefined;
  readonly loaders: LoaderPlace;
  /** An iSNS server on every served interface. */
  readonly isns: boolean;
  /** Names of the nodes that may administer it. */
  readonly isnsControlNodes: readonly IscsiName[];
  /** Somebody else's iSNS server, to register the machines' targets with: a literal, a link-local one with its interface. */
  readonly isnsServer: string | undefined;
  /** Beginning of every machine's target name. */
  readonly targetPrefix: string;
  /** Bytes of memory for image blocks. */
  readonly cacheSize: number;
}
