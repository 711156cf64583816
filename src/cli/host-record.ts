/** A machine as the fleet and the pool know it together. */

import { DisklessError, type MacAddress, parseMac } from '../bytes/index.ts';
import { addressesOf, type Host } from '../fleet/host.ts';
import type { Ipv6Lease } from '../fleet/ipv6-lease.ts';
import type { Lease } from '../fleet/lease.ts';
import type { DiskSummary } from '../pool/pool.ts';
import type { OpenDirectory } from './open-directory.ts';
import { onOrOff, setting, textual } from './setting.ts';

export interface HostRecord {
  readonly hardwareAddress: MacAddress;
  /** Undefined for a machine of which only disks are left, or a system that may be running. */
  readonly host: Host | undefined;
  /** The address that it has, or had last. */
  readonly lease: Lease | undefined;
  /** The same over IPv6. */
  readonly ipv6Lease: Ipv6Lease | undefined;
  readonly disks: readonly DiskSummary[];
}

/** The machine that a command is about. */
export const hostSetting = setting({
  help: 'a machine: its hardware address or its name',
  placeholder: 'host',
  isArgument: true,
  schema: textual((text) => text).optional(),
  fallback: undefined as string | undefined,
});

/** Only a person knows, where another DHCP server gives the machine its address: its starts are not seen then. */
export const offSetting = setting({
  help: 'the machine is switched off: whatever logs in next is given a fresh disk, even where its start is not seen by DHCP',
  schema: onOrOff,
  fallback: false,
});

export function allHosts(directory: OpenDirectory): HostRecord[] {
  const { fleet, pool } = directory;
  const ofDisks = pool.listDisks().flatMap(({ host }) => macOf(host) ?? []);
  const all = new Set([...fleet.hosts.all().map(({ hardwareAddress }) => hardwareAddress), ...ofDisks]);
  return [...all].sort().map((hardwareAddress) => recordOf(directory, hardwareAddress));
}

function recordOf({ fleet, pool }: OpenDirectory, hardwareAddress: MacAddress): HostRecord {
  const lease = lastOf(fleet.leases.leases(), hardwareAddress);
  const ipv6Lease = lastOf(fleet.ipv6Leases.leases(), hardwareAddress);
  const disks = pool.listDisks().filter(({ host }) => host === hardwareAddress);
  return { hardwareAddress, host: fleet.hosts.find(hardwareAddress), lease, ipv6Lease, disks };
}

function lastOf<Any extends Lease | Ipv6Lease>(leases: Iterable<Any>, hardwareAddress: MacAddress): Any | undefined {
  const own = [...leases].filter((lease) => lease.hardwareAddress === hardwareAddress);
  return own.sort((a, b) => b.start - a.start)[0];
}

/** The addresses that are kept for a machine. */
export function keptText(host: Host | undefined): string {
  const kept = host === undefined ? [] : addressesOf(host);
  return kept.length === 0 ? 'any address of the pool' : `${kept.join(' and ')} kept for it`;
}

/** By hardware address or name. Raises USAGE_HOST_MISSING, HOST_UNKNOWN. */
export function findHost(directory: OpenDirectory, text: string | undefined): HostRecord {
  if (text === undefined) {
    throw new DisklessError('USAGE_HOST_MISSING', 'no machine was named', {
      hint: 'Give the hardware address or the name of one that "diskless host list" shows.',
    });
  }
  const all = allHosts(directory);
  const mac = macOf(text);
  const found = all.find(({ hardwareAddress, host }) => hardwareAddress === mac || host?.name === text);
  if (found !== undefined) return found;
  // It was forgotten while its system ran: a person can still say that this has ended.
  if (mac !== undefined && directory.fleet.running.has(mac)) return recordOf(directory, mac);
  throw new DisklessError('HOST_UNKNOWN', `there is no machine ${text} in this data directory`, {
    hint: '"diskless host list" shows those there are.',
  });
}

function macOf(text: string): MacAddress | undefined {
  try {
    return parseMac(text);
  } catch (error) {
    if (error instanceof DisklessError) return undefined;
    throw error;
  }
}

export function allocatedBy(disks: readonly DiskSummary[]): number {
  return disks.reduce((sum, { allocated }) => sum + allocated, 0);
}

/** `2026-11-25 16:02:11`, in local time. */
export function timeText(time: number): string {
  const at = new Date(time);
  const two = (part: number) => String(part).padStart(2, '0');
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-');
  return `${day} ${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':')}`;
}
