/** Which addresses may be kept for a machine (`diskless host set`): the same rules for both families. */

import {
  DisklessError,
  type Ipv4Address,
  type Ipv6Address,
  inIpNetwork,
  ipv4Subnet,
  isIpv4,
  type MacAddress,
  parseIpNetwork,
  parseIpv4,
} from '../bytes/index.ts';
import { inRange, wholePool } from '../dhcp/server/subnet.ts';
import { hasReservedIdentifier } from '../dhcp6/server/reserved-identifiers.ts';
import type { ServedNetwork } from '../fleet/served-networks.ts';
import type { FleetStore } from '../fleet/store.ts';

/**
 * `now` is in milliseconds since the Unix epoch. That another machine's record has it is for the store to say. Raises
 * HOST_ADDRESS_NOT_SERVED, HOST_ADDRESS_EXCLUDED, HOST_ADDRESS_IN_USE.
 */
export function checkHostAddress(
  fleet: Pick<FleetStore, 'servedNetworks' | 'leases' | 'ipv6Leases'>,
  hardwareAddress: MacAddress,
  address: Ipv4Address | Ipv6Address,
  now: number,
): void {
  const served = fleet.servedNetworks.all();
  const network = served.find((each) => inIpNetwork(address, parseIpNetwork(each.network)));
  if (network === undefined) throw notServed(address, served);
  if (network.excluded.includes(address) || isNobodys(address, network)) {
    throw new DisklessError('HOST_ADDRESS_EXCLUDED', `${address} is not for machines of ${network.network}`, {
      hint: 'It is the server’s own, the router’s, or nobody’s by the rules of addresses: choose another.',
    });
  }
  const lease = isIpv4(address) ? fleet.leases.leaseAt(address) : fleet.ipv6Leases.leaseAt(address);
  if (lease === undefined || lease.expires <= now || lease.state === 'released') return;
  if (lease.state === 'bound' && lease.clientKey === hardwareAddress) return;
  throw inUse(address, lease);
}

function notServed(address: Ipv4Address | Ipv6Address, served: readonly ServedNetwork[]): DisklessError {
  const family = served.filter(({ network }) => network.includes(':') !== isIpv4(address));
  const networks = family.map(({ network }) => network).join(', ') || 'none of its family';
  return new DisklessError(
    'HOST_ADDRESS_NOT_SERVED',
    `${address} lies in no network whose addresses the server gives (${networks})`,
    {
      hint: 'Choose one of those. They are what "diskless serve" over this data directory served last: start it first.',
    },
  );
}

/** The network's own address and its broadcast address, and the interface identifiers that are reserved (RFC 5453). */
function isNobodys(address: Ipv4Address | Ipv6Address, { network }: ServedNetwork): boolean {
  if (!isIpv4(address)) return hasReservedIdentifier(address);
  const [first = '', prefix] = network.split('/');
  return !inRange(address, wholePool(ipv4Subnet(parseIpv4(first), Number(prefix))));
}

function inUse(
  address: Ipv4Address | Ipv6Address,
  { state, clientKey, expires }: { readonly state: string; readonly clientKey: string; readonly expires: number },
): DisklessError {
  const until = new Date(expires).toISOString();
  const who = state === 'declined' ? 'is somebody’s without a lease' : `is leased to ${clientKey}`;
  return new DisklessError('HOST_ADDRESS_IN_USE', `${address} ${who}, until ${until}`, {
    hint: 'Choose another, or wait until then.',
  });
}
