import type { Command } from 'commander';
import { sizeText } from '../../../bytes/index.ts';
import type { Boot } from '../../../fleet/boot.ts';
import type { Ipv6Lease } from '../../../fleet/ipv6-lease.ts';
import type { Lease } from '../../../fleet/lease.ts';
import type { DiskSummary } from '../../../pool/pool.ts';
import { directorySettings, withDirectory } from '../../data-directory.ts';
import { findHost, type HostRecord, hostSetting, keptText, timeText } from '../../host-record.ts';
import { serveSettings } from '../../serve-settings.ts';
import { addAction } from '../../setting-flags.ts';
import { tableLines } from '../../table.ts';

const showSettings = { host: hostSetting, ...directorySettings };

/** Boots that are shown, the newest first. */
const BOOTS_SHOWN = 5;

export function registerHostShow(host: Command): void {
  const command = host.command('show').description('show a machine: its address, its disks, its last boots');
  addAction(command, showSettings, { alsoIn: serveSettings }, async (settings) => {
    await withDirectory(settings.data, async (directory) => {
      const record = findHost(directory, settings.host);
      const boots = directory.fleet.boots.latest(BOOTS_SHOWN, record.hardwareAddress);
      const text = settings.json
        ? JSON.stringify({ ...record, boots }, undefined, 2)
        : hostLines(record, boots).join('\n');
      process.stdout.write(`${text}\n`);
    });
  });
}

function hostLines({ hardwareAddress, host, lease, ipv6Lease, disks }: HostRecord, boots: readonly Boot[]): string[] {
  const rows = [
    ['hardware address', hardwareAddress],
    ['name', host?.name ?? lease?.hostName ?? '-'],
    ['target', host?.targetName ?? '-'],
    ['address', leaseText(lease)],
    ['IPv6 address', leaseText(ipv6Lease)],
    ['kept address', keptText(host)],
    ['first seen', host === undefined ? '-' : timeText(host.firstSeen)],
    ['last seen', host === undefined ? '-' : timeText(host.lastSeen)],
  ];
  return [...tableLines(rows), ...diskLines(disks), ...bootLines(boots)];
}

function leaseText(lease: Lease | Ipv6Lease | undefined): string {
  return lease === undefined ? '-' : `${lease.address} (${lease.state} until ${timeText(lease.expires)})`;
}

function diskLines(disks: readonly DiskSummary[]): string[] {
  if (disks.length === 0) return ['', 'no disk'];
  const rows = disks.map(({ imageIdentity, size, allocated }) => [
    `  over image ${imageIdentity}`,
    sizeText(size),
    `${sizeText(allocated)} taken`,
  ]);
  return ['', 'disks', ...tableLines(rows)];
}

function bootLines(boots: readonly Boot[]): string[] {
  if (boots.length === 0) return [];
  const rows = boots.map(({ started, outcome, steps }) => [
    `  ${timeText(started)}`,
    outcome,
    steps.at(-1)?.text ?? 'no step yet',
  ]);
  return ['', 'last boots', ...tableLines(rows)];
}
