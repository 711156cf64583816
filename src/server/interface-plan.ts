/** What is served on each interface: over IPv4, over IPv6, or over both. Pure. */

import { DisklessError, type Ipv4Address, type Ipv6Address, type MacAddress } from '../bytes/index.ts';
import type { NetworkInterface } from '../os/network.ts';
import { checkIpv4IsUsed, giveAddress, type Ipv4Plan, planIpv4, subnetText, type WantedIpv4 } from './ipv4-plan.ts';
import { checkIpv6IsUsed, hasReachableIpv6, type Ipv6Plan, planIpv6, planRelayedIpv6, textOf } from './ipv6-plan.ts';
import type { Ipv6Options } from './options.ts';

export interface InterfacePlan {
  readonly name: string;
  readonly mac: MacAddress;
  /** Undefined where the interface has no IPv4 address. */
  readonly ipv4: Ipv4Plan | undefined;
  /** Undefined where IPv6 is not served. */
  readonly ipv6: Ipv6Plan | undefined;
}

/** An address of the server on an interface, with the network that it is reached from. */
export interface ServedAddress {
  readonly address: Ipv4Address | Ipv6Address;
  /** In prefix notation. */
  readonly network: string;
}

interface Wanted extends WantedIpv4 {
  readonly ipv6: Ipv6Options | undefined;
}

/**
 * Raises INTERFACE_NOT_GIVEN, INTERFACE_UNKNOWN, INTERFACE_DOWN, INTERFACE_NO_ADDRESS, INTERFACE_NO_DHCP, DHCP_POOL_EMPTY,
 * DHCP_POOL_OUTSIDE_SUBNET, ROUTER_OUTSIDE_SUBNET, INTERFACE_NO_IPV6_ADDRESS, DHCP6_POOL_OUTSIDE_PREFIX, DHCP6_POOL_EMPTY,
 * DHCP6_PREFIX_UNUSED.
 */
export function planInterfaces(present: readonly NetworkInterface[], wanted: Wanted): InterfacePlan[] {
  if (wanted.interfaces.length === 0) {
    throw new DisklessError('INTERFACE_NOT_GIVEN', 'no interface to serve was given', {
      hint: `Give --interface with the one that the machines are on: ${candidates(present)}.`,
    });
  }
  const plans = [...new Set(wanted.interfaces)].map((name) => planInterface(name, present, wanted));
  checkIpv4IsUsed(
    wanted,
    plans.flatMap(({ ipv4 }) => ipv4 ?? []),
  );
  if (wanted.ipv6 !== undefined) {
    checkIpv6IsUsed(wanted.ipv6, [...plans.flatMap(({ ipv6 }) => ipv6 ?? []), ...planRelayedIpv6(wanted.ipv6)]);
  }
  return plans;
}

/** The server's own addresses on an interface: that of IPv4 first, one at least. */
export function servedAddresses({ ipv4, ipv6 }: Pick<InterfacePlan, 'ipv4' | 'ipv6'>): ServedAddress[] {
  return [
    ...(ipv4 === undefined ? [] : [{ address: ipv4.address, network: subnetText(ipv4.subnet) }]),
    ...(ipv6 === undefined ? [] : [{ address: ipv6.address, network: textOf(ipv6.prefix) }]),
  ];
}

function planInterface(name: string, present: readonly NetworkInterface[], wanted: Wanted): InterfacePlan {
  const one = present.find((candidate) => candidate.name === name);
  if (one === undefined) {
    throw new DisklessError('INTERFACE_UNKNOWN', `there is no interface ${name}`, {
      hint: `This machine has ${candidates(present)}.`,
    });
  }
  if (!one.up) {
    throw new DisklessError('INTERFACE_DOWN', `the interface ${name} is down`, { hint: `Run: ip link set ${name} up` });
  }
  const ipv6 = wanted.ipv6 === undefined ? undefined : planIpv6(one, wanted.ipv6, present);
  const ipv4 = planIpv4(one, wanted, present);
  if (ipv4 === undefined) checkIpv6Suffices(one, wanted);
  return { name, mac: one.mac, ipv4, ipv6 };
}

/** An interface without an IPv4 address. */
function checkIpv6Suffices(one: NetworkInterface, { ipv6, dhcpMode }: Wanted): void {
  const { name } = one;
  if (ipv6 === undefined) {
    throw new DisklessError('INTERFACE_NO_ADDRESS', `the interface ${name} has no IPv4 address`, {
      hint: hasReachableIpv6(one)
        ? `Give --dhcp6 on to serve it over IPv6 alone; or ${giveAddress(name)}`
        : sentence(giveAddress(name)),
    });
  }
  if (dhcpMode !== 'full' && dhcpMode !== 'proxy') return;
  const what = `the interface ${name} has no IPv4 address, and --dhcp ${dhcpMode} is of IPv4`;
  throw new DisklessError('INTERFACE_NO_ADDRESS', what, {
    hint: `Leave it out to serve the interface over IPv6 alone; or ${giveAddress(name)}`,
  });
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function candidates(present: readonly NetworkInterface[]): string {
  const names = present
    .filter(({ name }) => name !== 'lo')
    .map(({ name, ipv4, ipv6 }) => {
      const [first] = [...ipv4, ...ipv6];
      return first === undefined ? `${name} (no address)` : `${name} (${first.address}/${first.prefix})`;
    });
  return names.length === 0 ? 'no interface but lo' : names.join(', ');
}
