import type { Command } from 'commander';
import { sizeText } from '../../../bytes/index.ts';
import { directorySettings, withDirectory } from '../../data-directory.ts';
import { allHosts, allocatedBy, type HostRecord, timeText } from '../../host-record.ts';
import { serveSettings } from '../../serve-settings.ts';
import { addAction } from '../../setting-flags.ts';
import { tableLines } from '../../table.ts';

export function registerHostList(host: Command): void {
  const command = host.command('list').description('list the machines, with what their disks take');
  addAction(command, directorySettings, { alsoIn: serveSettings }, async ({ data, json }) => {
    await withDirectory(data, async (directory) => {
      const hosts = allHosts(directory);
      if (json) process.stdout.write(`${JSON.stringify({ hosts }, undefined, 2)}\n`);
      else for (const line of hostLines(hosts)) process.stdout.write(`${line}\n`);
    });
  });
}

function hostLines(hosts: readonly HostRecord[]): string[] {
  const rows = hosts.map(({ hardwareAddress, host, lease, ipv6Lease, disks }) => [
    hardwareAddress,
    host?.name ?? lease?.hostName ?? '-',
    addressText([lease?.address ?? host?.address, ipv6Lease?.address ?? host?.ipv6Address]),
    host === undefined ? '-' : timeText(host.lastSeen),
    String(disks.length),
    sizeText(allocatedBy(disks)),
  ]);
  return tableLines([['hardware address', 'name', 'address', 'last seen', 'disks', 'taken'], ...rows]);
}

/** One of each family. */
function addressText(addresses: readonly (string | undefined)[]): string {
  return addresses.filter((address) => address !== undefined).join(' ') || '-';
}
