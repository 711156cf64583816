/** Which kind of client gets what over IPv6. Pure: the same client on the same interface always gets the same. */

import type { MacAddress } from '../bytes/index.ts';
import type { BootClient } from '../dhcp6/boot-client.ts';
import type { BootAnswer } from '../dhcp6/server/boot-answer.ts';
import { architectureOf } from './architecture.ts';
import { type DiskPlace, type MachineDisk, rootPathOf } from './boot-policy.ts';

/** Where a client of one interface finds the server over IPv6. */
export interface Ipv6Place extends DiskPlace {
  /** `[address]` or `[address]:port`, as URLs have it. */
  readonly http: string;
  readonly tftp: string;
}

export type Boot6Decision =
  /** The answer has the Root Path. */
  | { readonly kind: 'disk'; readonly answer: BootAnswer }
  /** The answer has the URL of a script that boots from the Root Path. */
  | { readonly kind: 'script'; readonly answer: BootAnswer }
  | { readonly kind: 'loader'; readonly answer: BootAnswer; readonly loader: string }
  /** The machine asks to boot, and there is nothing that it could run. */
  | { readonly kind: 'no-loader'; readonly architectures: readonly number[] };

export function decideBoot6(
  client: BootClient,
  mac: MacAddress,
  place: Ipv6Place,
  disk: MachineDisk,
  hasLoader: (name: string) => boolean,
): Boot6Decision {
  switch (client.kind) {
    case 'pxe':
    case 'http':
      return decideLoader(client, client.kind === 'http' ? 'http' : 'tftp', place, hasLoader);
    case 'ipxe':
      // iPXE has no Root Path in DHCPv6: it runs what option 59 names, and a script names the disk.
      return { kind: 'script', answer: { bootFileUrl: `http://${place.http}/boot.ipxe?mac=${mac}` } };
    case 'uefi-iscsi':
    case 'iscsi-rom':
    case 'other':
      return {
        kind: 'disk',
        answer: { bootFileUrl: rootPathOf(place, disk), initiatorName: disk.initiatorName },
      };
  }
}

function decideLoader(
  { architectures }: BootClient,
  protocol: 'tftp' | 'http',
  place: Ipv6Place,
  hasLoader: (name: string) => boolean,
): Boot6Decision {
  const known = architectures.flatMap((number) => architectureOf(number) ?? []);
  const usable = known.find((one) => one.protocol === protocol && hasLoader(one.loader));
  if (usable === undefined) return { kind: 'no-loader', architectures };
  const { loader } = usable;
  return { kind: 'loader', answer: { bootFileUrl: `${protocol}://${place[protocol]}/${loader}` }, loader };
}
