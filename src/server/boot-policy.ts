/** Which kind of client gets what. Pure: the same client on the same interface always gets the same. */

import { type Ipv4Address, type Ipv6Address, isIpv4, type MacAddress } from '../bytes/index.ts';
import type { BootClient } from '../dhcp/boot-client.ts';
import type { BootAnswer } from '../dhcp/server/boot-answer.ts';
import type { IscsiName } from '../iscsi/name.ts';
import { formatRootPath, rootPathDefaults } from '../iscsi/root-path.ts';
import { architectureOf, UNNAMED_ARCHITECTURE } from './architecture.ts';

/** Where a client of one interface finds its disk. */
export interface DiskPlace {
  readonly address: Ipv4Address | Ipv6Address;
  readonly iscsiPort: number;
}

/** Where a client of one interface finds the server. */
export interface ServerPlace extends DiskPlace {
  readonly address: Ipv4Address;
  /** `address:port` */
  readonly http: string;
}

/** What belongs to one machine. */
export interface MachineDisk {
  readonly targetName: IscsiName;
  readonly initiatorName: IscsiName;
  readonly hostName: string | undefined;
}

export type BootDecision =
  /** The answer has the Root Path, or the URL of a script that boots from it. */
  | { readonly kind: 'disk'; readonly answer: BootAnswer; readonly rootPath: string }
  | { readonly kind: 'loader'; readonly answer: BootAnswer; readonly architecture: string; readonly loader: string }
  /** The machine asks to boot, and there is nothing that it could run. */
  | { readonly kind: 'no-loader'; readonly architectures: readonly number[]; readonly reason: string }
  /** An operating system asks for an address: what it may want to know is in the answer. */
  | { readonly kind: 'other'; readonly answer: BootAnswer };

export interface BootRules {
  readonly mode: 'full' | 'proxy';
  readonly hasLoader: (name: string) => boolean;
}

export function decideBoot(client: BootClient, place: ServerPlace, disk: MachineDisk, rules: BootRules): BootDecision {
  switch (client.kind) {
    case 'ipxe':
    case 'uefi-iscsi':
    case 'iscsi-rom': {
      const isProxied = rules.mode === 'proxy' && client.hardwareAddress !== undefined;
      const answer = isProxied ? scriptAnswer(place, client.hardwareAddress) : diskAnswer(place, disk);
      return { kind: 'disk', answer, rootPath: rootPathOf(place, disk) };
    }
    case 'pxe':
    case 'http':
      return decideLoader(client, place, rules.hasLoader);
    case 'other':
      return { kind: 'other', answer: diskAnswer(place, disk) };
  }
}

/**
 * iPXE ignores what a proxyDHCP server says, in its offer and on port 4011, as long as it names no boot file: a Root Path alone is not
 * enough. So a proxy names a script, and that has the Root Path.
 */
function scriptAnswer({ address, http }: ServerPlace, mac: MacAddress): BootAnswer {
  return { nextServer: address, bootFile: `http://${http}/boot.ipxe?mac=${mac}` };
}

/** RFC 4173 §5. Protocol and LUN keep their defaults, and the port when it is the well-known one: old parsers read those best. */
export function rootPathOf(place: DiskPlace, disk: MachineDisk): string {
  return formatRootPath({
    server: isIpv4(place.address) ? { kind: 'ipv4', address: place.address } : { kind: 'ipv6', address: place.address },
    ...(place.iscsiPort === rootPathDefaults.port ? {} : { port: place.iscsiPort }),
    targetName: disk.targetName,
  });
}

/** As the Root Path means it when it names none. */
const BOOT_LUN = '0'.repeat(16);

function diskAnswer(place: ServerPlace, disk: MachineDisk): BootAnswer {
  return {
    rootPath: rootPathOf(place, disk),
    target: { address: place.address, port: place.iscsiPort, lun: BOOT_LUN, targetName: disk.targetName },
    initiatorName: disk.initiatorName,
    ...(disk.hostName === undefined ? {} : { hostName: disk.hostName }),
  };
}

function decideLoader(
  client: BootClient,
  { address, http }: ServerPlace,
  hasLoader: (name: string) => boolean,
): BootDecision {
  const numbers = client.architectures.length > 0 ? client.architectures : [UNNAMED_ARCHITECTURE];
  const protocol = client.kind === 'http' ? 'http' : 'tftp';
  const known = numbers.flatMap((number) => architectureOf(number) ?? []).filter((one) => one.protocol === protocol);
  const usable = known.find(({ loader }) => hasLoader(loader));
  if (usable === undefined) {
    const [first] = known;
    const reason =
      first === undefined ? 'there is none for it' : `${first.name} needs ${first.loader}, which is not here`;
    return { kind: 'no-loader', architectures: numbers, reason };
  }
  const { name, loader } = usable;
  const answer =
    protocol === 'http' ? { bootFile: `http://${http}/${loader}` } : { nextServer: address, bootFile: loader };
  return { kind: 'loader', answer, architecture: name, loader };
}
