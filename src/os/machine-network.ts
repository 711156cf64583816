/**
 * The machine's own network settings, as far as a boot client touches them: an address for an interface that has none, and what goes with
 * it. Whatever is set is taken back when the returned handle is disposed of. Routes over IPv6 are the kernel's own business: they are
 * looked at, and asked for.
 */

import { DisklessError, type Ipv4Address, type Ipv6Address } from '../bytes/index.ts';
import { type HeardIcmpv6, hearIcmpv6, type Icmpv6Wanted, sendIcmpv6 } from './icmpv6-socket.ts';
import { interfaceMtu } from './interface-requests.ts';
import { listInterfaces } from './interfaces.ts';
import { ipv6SourceTowards } from './ipv6-source.ts';
import { runProcess } from './process.ts';

/** In whole seconds from now; Infinity for ever. */
export interface AddressLifetimes {
  /** After it the kernel takes the address away by itself. At least 1. */
  readonly valid: number;
  /** After it nothing new comes from the address. 0..valid. */
  readonly preferred: number;
}

/** An address that was set, for ever at first. One that the kernel has taken away already is taken back without an error. */
export interface SetAddress extends AsyncDisposable {
  limit(lifetimes: AddressLifetimes): Promise<void>;
}

export interface MachineNetwork {
  /** Brings an interface up, so that it can send at all. */
  bringUp(interfaceName: string): Promise<AsyncDisposable>;
  /** Gives an interface an address; `prefix` is the length of its subnet's, 0..32 or 128. */
  addAddress(interfaceName: string, address: Ipv4Address | Ipv6Address, prefix: number): Promise<SetAddress>;
  /** Sets the longest IP datagram that an interface sends whole, in bytes. */
  setMtu(interfaceName: string, mtu: number): Promise<AsyncDisposable>;
  /** Makes one host reachable through a router at the interface's cable; without a router it is there itself. */
  addHostRoute(interfaceName: string, host: Ipv4Address, router: Ipv4Address | undefined): Promise<AsyncDisposable>;
  /** The address that this machine speaks to a host from; undefined where no route leads there. */
  ipv6SourceTowards(host: Ipv6Address): Promise<Ipv6Address | undefined>;
  /** Sends a message of neighbour discovery to an address of the link; false when it cannot be. Raises OS_CALLS_UNAVAILABLE. */
  sendIcmpv6(interfaceName: string, message: Uint8Array, to: Ipv6Address): boolean;
  /** Hears messages of neighbour discovery until it is disposed of. Raises OS_CALLS_UNAVAILABLE, NETWORK_.... */
  hearIcmpv6(wanted: Icmpv6Wanted, hear: (heard: HeardIcmpv6) => void): Disposable;
}

/** What is set is set by the `ip` command, and raises MACHINE_NETWORK_FAILED. */
export const linuxMachineNetwork: MachineNetwork = {
  bringUp: (name) => setting(['link', 'set', 'dev', name, 'up'], ['link', 'set', 'dev', name, 'down']),
  async addAddress(name, address, prefix) {
    const place = [`${address}/${prefix}`, 'dev', name];
    await ip(['address', 'add', ...place]);
    return {
      // Apart from the above, since busybox's `ip` knows addresses, and no lifetimes.
      limit: ({ valid, preferred }) =>
        ip(['address', 'change', ...place, 'valid_lft', seconds(valid), 'preferred_lft', seconds(preferred)]),
      async [Symbol.asyncDispose]() {
        try {
          await ip(['address', 'del', ...place]);
        } catch (error) {
          if (hasAddress(name, address)) throw error;
        }
      },
    };
  },
  async setMtu(name, mtu) {
    const before = interfaceMtu(name);
    if (before === mtu || before === undefined) return nothingToTakeBack;
    return setting(['link', 'set', 'dev', name, 'mtu', `${mtu}`], ['link', 'set', 'dev', name, 'mtu', `${before}`]);
  },
  addHostRoute(name, host, router) {
    // A router may lie outside of the subnet where that is a single address.
    const way = router === undefined ? ['dev', name] : ['via', router, 'dev', name, 'onlink'];
    return setting(['route', 'add', `${host}/32`, ...way], ['route', 'del', `${host}/32`, ...way]);
  },
  ipv6SourceTowards,
  sendIcmpv6,
  hearIcmpv6,
};

const nothingToTakeBack: AsyncDisposable = { [Symbol.asyncDispose]: async () => {} };

/** 2^32 - 1 stands for ever. */
const LONGEST_LIFETIME = 0xffff_fffe;

function seconds(lifetime: number): string {
  return lifetime === Number.POSITIVE_INFINITY ? 'forever' : `${Math.min(lifetime, LONGEST_LIFETIME)}`;
}

function hasAddress(interfaceName: string, address: Ipv4Address | Ipv6Address): boolean {
  const found = listInterfaces().find(({ name }) => name === interfaceName);
  return found !== undefined && [...found.ipv4, ...found.ipv6].some((each) => each.address === address);
}

/** Milliseconds: `ip` answers at once or not at all. */
const PATIENCE = 10_000;

async function setting(set: readonly string[], undo: readonly string[]): Promise<AsyncDisposable> {
  await ip(set);
  return { [Symbol.asyncDispose]: () => ip(undo) };
}

async function ip(args: readonly string[]): Promise<void> {
  try {
    await runProcess('ip', args, { silence: PATIENCE });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DisklessError(
      'MACHINE_NETWORK_FAILED',
      `cannot set up the network by "ip ${args.join(' ')}": ${reason}`,
      {
        hint: 'Run as root, or give the interface an address before.',
        cause,
      },
    );
  }
}
