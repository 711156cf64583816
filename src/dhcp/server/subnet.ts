/** A subnet as the server serves it: its pool and what its machines are told about their network. */

import {
  DisklessError,
  type Ipv4Address,
  type Ipv4Subnet,
  ipv4BroadcastOf,
  ipv4FromNumber,
  ipv4InSubnet,
  ipv4ToNumber,
} from '../../bytes/index.ts';
import type { OptionList } from '../option-list.ts';

/** Both ends belong to it. */
export interface AddressRange {
  readonly first: Ipv4Address;
  readonly last: Ipv4Address;
}

export interface DhcpSubnet {
  readonly subnet: Ipv4Subnet;
  readonly pool: AddressRange;
  /** Addresses inside the pool that belong to somebody else: the server's own, routers'. */
  readonly excluded: readonly Ipv4Address[];
  /** Seconds; 0xffffffff is for ever. */
  readonly leaseTime: number;
  readonly routers: readonly Ipv4Address[];
  readonly domainNameServers: readonly Ipv4Address[];
  readonly domainName?: string;
  readonly interfaceMtu?: number;
  /** Further options for every client that asks for them. */
  readonly options?: OptionList;
}

/** All addresses of a subnet that a host can have. Raises DHCP_POOL_EMPTY for /31 and /32. */
export function wholePool(subnet: Ipv4Subnet): AddressRange {
  const first = ipv4ToNumber(subnet.network) + 1;
  const last = ipv4ToNumber(ipv4BroadcastOf(subnet)) - 1;
  if (last < first) {
    throw new DisklessError('DHCP_POOL_EMPTY', `${subnet.network}/${subnet.prefix} has no address for a client`, {
      hint: 'Give the interface an address with a prefix of 30 or shorter.',
    });
  }
  return { first: ipv4FromNumber(first), last: ipv4FromNumber(last) };
}

/** Raises DHCP_POOL_OUTSIDE_SUBNET or DHCP_POOL_EMPTY when the pool of a subnet cannot serve it. */
export function checkPool({ subnet, pool, excluded }: Pick<DhcpSubnet, 'subnet' | 'pool' | 'excluded'>): void {
  const name = `${pool.first}-${pool.last}`;
  const whole = wholePool(subnet);
  const outside = [pool.first, pool.last].find(
    (address) => !ipv4InSubnet(address, subnet) || address === subnet.network || address === ipv4BroadcastOf(subnet),
  );
  if (outside !== undefined) {
    const what = `${outside} of the pool ${name} is no host address of ${subnet.network}/${subnet.prefix}`;
    throw new DisklessError('DHCP_POOL_OUTSIDE_SUBNET', what, {
      hint: `Choose a pool inside ${whole.first}-${whole.last}.`,
    });
  }
  if (poolSize(pool) <= excluded.filter((address) => inRange(address, pool)).length) {
    throw new DisklessError('DHCP_POOL_EMPTY', `the pool ${name} holds no address for a client`, {
      hint: `Choose a pool inside ${whole.first}-${whole.last} that leaves more than this server's own address.`,
    });
  }
}

export function poolSize(pool: AddressRange): number {
  return Math.max(0, ipv4ToNumber(pool.last) - ipv4ToNumber(pool.first) + 1);
}

export function inRange(address: Ipv4Address, range: AddressRange): boolean {
  const value = ipv4ToNumber(address);
  return value >= ipv4ToNumber(range.first) && value <= ipv4ToNumber(range.last);
}

/** An address that may be given to any client. */
export function inPool(address: Ipv4Address, subnet: DhcpSubnet): boolean {
  return inRange(address, subnet.pool) && !subnet.excluded.includes(address);
}
