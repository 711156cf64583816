/** What the doctor has seen of a network: plain facts, from which the rules draw their findings. */

import type { Ipv4Address, Ipv6Address, Ipv6Prefix } from '../../bytes/index.ts';
import type { ClasslessRoute } from '../../dhcp/option-codec.ts';
import type { RootPath } from '../../iscsi/root-path.ts';
import type { ErrorRecord } from '../trace.ts';

/** As whom DHCP was asked: as iPXE, or as firmware and systems that do not say what they are. */
export type AskedAs = 'ipxe' | 'plain';

export interface SeenOffer {
  readonly askedAs: AskedAs;
  readonly server: Ipv4Address;
  /** `proxy`: boot parameters alone, beside another server's address. */
  readonly kind: 'address' | 'proxy';
  /** Undefined in a proxy's offer. */
  readonly address: Ipv4Address | undefined;
  /** Length of the subnet's prefix, 0..32. */
  readonly prefix: number;
  readonly routes: readonly ClasslessRoute[];
  readonly rootPath: SeenRootPath | undefined;
  readonly bootFile: string | undefined;
}

export interface SeenRootPath {
  readonly text: string;
  /** Bytes in the option. */
  readonly length: number;
  readonly reading: RootPathReading;
}

export type RootPathReading =
  | { readonly kind: 'iscsi'; readonly path: RootPath }
  /** Without `iscsi:`. */
  | { readonly kind: 'other' }
  | { readonly kind: 'malformed'; readonly error: ErrorRecord };

/** `none`: no server answered, or there is no IPv6 to ask with. */
export type SeenDhcp6Answer =
  | {
      readonly kind: 'answer';
      /** The server's DUID in hexadecimal. */
      readonly server: string;
      readonly bootFileUrl: string | undefined;
      /** The same, read as a Root Path (RFC 5970 §5). */
      readonly rootPath: SeenRootPath | undefined;
      /** Option 60, each in hexadecimal; `malformed` when it is no list of them (RFC 5970 §3.2). */
      readonly bootFileParameters: readonly string[] | 'malformed';
      /** Option 23. */
      readonly nameServers: readonly Ipv6Address[];
    }
  | { readonly kind: 'none'; readonly error: ErrorRecord };

/** What DHCPv6 answers to whom. */
export interface SeenDhcp6 extends Readonly<Record<AskedAs, SeenDhcp6Answer>> {
  /** Identifiers of all servers that give addresses. */
  readonly servers: readonly string[];
}

/** What a router of the link advertises. */
export interface SeenRouter {
  /** Of the link. */
  readonly address: Ipv6Address;
  /** Which addresses are on the link itself. */
  readonly onLink: readonly Ipv6Prefix[];
  /** Where the router leads; a default router: everywhere. */
  readonly routes: readonly Ipv6Prefix[];
  readonly nameServers: readonly Ipv6Address[];
}

/** What DHCP gave in the end, where the doctor had to have an address. */
export interface SeenLease {
  readonly server: Ipv4Address;
  readonly address: Ipv4Address;
  /** Option 6. */
  readonly nameServers: readonly Ipv4Address[];
  readonly rootPathInAck: string | undefined;
  readonly rootPathInOffer: string | undefined;
}

/** Who names a disk, and to whom. */
export interface Naming {
  /** Such as `the offer of 192.0.2.1`. */
  readonly origin: string;
  readonly askedAs: AskedAs | 'dhcp6' | 'user';
}

/** One way to a disk, tried. Each step is there when the one before it went well. */
export interface SeenDisk {
  readonly path: RootPath;
  readonly text: string;
  /** At least one. */
  readonly namings: readonly Naming[];
  /** `host:port`; undefined when the Root Path names no server. */
  readonly portal: string | undefined;
  readonly connection: Step<string>;
  /** Names that SendTargets gives. */
  readonly listed: Step<readonly string[]>;
  /** The answer to the login. */
  readonly login: Step<undefined>;
  readonly disk: Step<{ readonly size: number; readonly bootableBy: readonly string[] }>;
}

export type Step<T> =
  | { readonly kind: 'good'; readonly value: T }
  | { readonly kind: 'failed'; readonly error: ErrorRecord }
  | { readonly kind: 'not tried' };

export interface Observation {
  /** Undefined when DHCP was not asked. */
  readonly offers: readonly SeenOffer[] | undefined;
  /** Undefined when DHCPv6 was not asked. */
  readonly dhcp6: SeenDhcp6 | undefined;
  /** Undefined when routers were not listened to, or could not be heard. */
  readonly routers: readonly SeenRouter[] | undefined;
  readonly lease: SeenLease | undefined;
  readonly disks: readonly SeenDisk[];
}
