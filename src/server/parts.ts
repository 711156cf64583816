/** What the services of one boot server share. */

import { IPV4_ANY, IPV6_ANY, type Ipv4Address, type Ipv6Address, isIpv4, uriHost } from '../bytes/index.ts';
import type { FleetStore } from '../fleet/store.ts';
import { formatPortalAddress } from '../iscsi/portal-address.ts';
import type { Clock } from '../os/clock.ts';
import type { FileSystem } from '../os/file.ts';
import type { HeardIcmpv6, Icmpv6Wanted } from '../os/icmpv6-socket.ts';
import type { NeighbourTable } from '../os/neighbours.ts';
import type { Network } from '../os/network.ts';
import type { RunProcess } from '../os/process.ts';
import type { Image, Pool } from '../pool/pool.ts';
import type { ServerPlace } from './boot-policy.ts';
import type { BootTrace } from './boot-trace.ts';
import type { Ipv6Place } from './boot6-policy.ts';
import type { ServerEventBody } from './events.ts';
import type { InterfacePlan } from './interface-plan.ts';
import type { Ipv4Plan } from './ipv4-plan.ts';
import type { Ipv6Plan } from './ipv6-plan.ts';
import type { Loaders } from './loaders.ts';
import type { Machines } from './machines.ts';
import type { BootServerOptions, HttpEndpoint } from './options.ts';

/** What the server stands on: the real ones, or simulated ones in tests. */
export interface Platform {
  readonly network: Network;
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly run: RunProcess;
  readonly neighbours: NeighbourTable;
  /** Sends an ICMPv6 message from an interface to an address of its link; false when it cannot. */
  readonly sendIcmpv6: (interfaceName: string, message: Uint8Array, to: Ipv6Address) => boolean;
  /** Hears ICMPv6 messages that come in on an interface, until it is disposed of. */
  readonly hearIcmpv6: (wanted: Icmpv6Wanted, hear: (heard: HeardIcmpv6) => void) => Disposable;
}

export interface Parts {
  readonly options: BootServerOptions;
  readonly platform: Platform;
  readonly emit: (event: ServerEventBody) => void;
  readonly loaders: Loaders;
  readonly store: FleetStore;
  readonly pool: Pool;
  readonly image: Image;
  readonly machines: Machines;
  readonly trace: BootTrace;
}

type Ports = Pick<BootServerOptions, 'http' | 'iscsiPort' | 'tftpPort'>;

/** Where the machines of an interface find this server over IPv4. */
export function ipv4PlaceOf({ http, iscsiPort }: Ports, { address }: Ipv4Plan): ServerPlace {
  return { address, http: httpPlace(http, address), iscsiPort };
}

/** Where the machines of an interface find this server over IPv6. */
export function ipv6PlaceOf({ http, iscsiPort, tftpPort }: Ports, { address }: Ipv6Plan): Ipv6Place {
  const host = uriHost(address);
  const tftp = tftpPort === TFTP_PORT ? host : `${host}:${tftpPort}`;
  return { address, http: httpPlace(http, address), tftp, iscsiPort };
}

/** At the address that was given for HTTP when it is one of the family of `own`, and says where that is. */
function httpPlace({ address, port }: HttpEndpoint, own: Ipv4Address | Ipv6Address): string {
  const isOther = address === undefined || address === IPV4_ANY || address === IPV6_ANY;
  return formatPortalAddress(isOther || isIpv4(address) !== isIpv4(own) ? own : address, port);
}

/** Over each family in which the interface is served: IPv4 first, one at least. */
export function placesOf(options: Ports, { ipv4, ipv6 }: InterfacePlan): (ServerPlace | Ipv6Place)[] {
  return [
    ...(ipv4 === undefined ? [] : [ipv4PlaceOf(options, ipv4)]),
    ...(ipv6 === undefined ? [] : [ipv6PlaceOf(options, ipv6)]),
  ];
}

const TFTP_PORT = 69;

/** An error of a service that goes on. `code` is for errors that have none of their own. */
export function troubleOf(code: string, error: unknown): ServerEventBody {
  const own = error instanceof Error && 'code' in error ? String(error.code) : code;
  return { event: 'trouble', code: own, text: error instanceof Error ? error.message : String(error) };
}
