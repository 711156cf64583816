/** Whether a machine can speak IPv6 on an interface already: by autoconfiguration (RFC 4862), and no DHCP, or by what it was given. */

import { DisklessError, type Ipv6Address, ipv6Scope } from '../bytes/index.ts';
import { type Clock, pause } from '../os/clock.ts';
import type { Network, NetworkInterface } from '../os/network.ts';

/** The furthest-reaching one first. A link-local one is good for asking, and for hosts of the same link alone. */
export const usableScopes = ['global', 'unique-local', 'link-local'] as const;

export type UsableScope = (typeof usableScopes)[number];

export interface UsableIpv6 {
  readonly address: Ipv6Address;
  readonly scope: UsableScope;
}

/** Addresses that new connections may come from: neither still being tried out nor somebody else's (RFC 4862 §5.4). */
export function usableIpv6({ ipv6 }: Pick<NetworkInterface, 'ipv6'>): UsableIpv6[] {
  const usable = ipv6.flatMap(({ address, state }) => {
    const scope = usableScopes.find((each) => each === ipv6Scope(address));
    return state === 'preferred' && scope !== undefined ? [{ address, scope }] : [];
  });
  return usable.sort((one, other) => usableScopes.indexOf(one.scope) - usableScopes.indexOf(other.scope));
}

export interface Watch {
  readonly network: Network;
  readonly clock: Clock;
  /** Name of the interface. */
  readonly interface: string;
  /** Milliseconds. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

export interface AwaitedIpv6 extends Watch {
  /** Which are good enough. */
  readonly scopes: readonly UsableScope[];
}

/** Waits until the interface has a usable address of the scopes. Raises BOOT_IPV6_UNAVAILABLE, and the signal's reason. */
export async function awaitUsableIpv6(awaited: AwaitedIpv6): Promise<UsableIpv6> {
  const { scopes } = awaited;
  const usable = await look(awaited, (found) => usableIpv6(found).find(({ scope }) => scopes.includes(scope)));
  if (usable !== undefined) return usable;
  throw unavailable(awaited, interfaceOf(awaited));
}

/**
 * Waits until the kernel knows whether somebody else on the link has an address that was just set. Undefined when it does not know in
 * time, or has the address no more. Raises the signal's reason.
 */
export async function awaitTriedOut(watch: Watch, address: Ipv6Address): Promise<'ours' | 'duplicate' | undefined> {
  return look(watch, ({ ipv6 }) => {
    const state = ipv6.find((each) => each.address === address)?.state;
    if (state === undefined || state === 'tentative') return undefined;
    return state === 'duplicate' ? 'duplicate' : 'ours';
  });
}

/** The kernel tells nobody when an address has become usable; it takes one or two seconds. In milliseconds. */
const LOOK_AGAIN = 50;

async function look<T>(watch: Watch, find: (found: NetworkInterface) => T | undefined): Promise<T | undefined> {
  const { clock, timeout, signal } = watch;
  const end = clock.monotonic() + timeout;
  for (;;) {
    signal.throwIfAborted();
    const found = interfaceOf(watch);
    const wanted = found && find(found);
    if (wanted !== undefined || clock.monotonic() >= end) return wanted;
    await pause(clock, LOOK_AGAIN, signal);
  }
}

function interfaceOf({ network, interface: name }: Watch): NetworkInterface | undefined {
  return network.interfaces().find((each) => each.name === name);
}

function unavailable({ scopes, timeout }: AwaitedIpv6, found: NetworkInterface | undefined): DisklessError {
  const has = found?.ipv6.map(({ address, state }) => `${address} (${state})`).join(', ') || 'none';
  const what = `${found?.name ?? 'the interface'} got no usable ${scopes.join(' or ')} IPv6 address within ${timeout / 1000} s; it has ${has}`;
  return new DisklessError('BOOT_IPV6_UNAVAILABLE', what, {
    hint: 'Is IPv6 switched on there (net.ipv6.conf.*.disable_ipv6), is the cable in, and is there a router that advertises a prefix?',
  });
}
