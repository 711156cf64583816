/** A site's own DHCP server, which names as little of the disk as is wanted: `dnsmasq`. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MacAddress } from '../../src/bytes/index.ts';
import type { BenchNetwork } from '../measured/network.ts';
import { listens, type RunningProgram, startProgram } from '../measured/program.ts';
import { targetNameFor } from './machine.ts';
import type { SiteDhcp } from './ways.ts';

export function startSiteDhcp(
  { namesTarget, options }: SiteDhcp,
  { onServer, serverInterface, pool }: BenchNetwork,
  machines: readonly MacAddress[],
  folder: string,
): Promise<RunningProgram> {
  const [hosts, targets] = [join(folder, 'hosts'), join(folder, 'targets')];
  writeFileSync(hosts, machines.map((mac) => `${mac},set:${tagOf(mac)}\n`).join(''));
  const rootPath = (mac: MacAddress) => `tag:${tagOf(mac)},17,iscsi:::::${targetNameFor(mac)}\n`;
  writeFileSync(targets, namesTarget ? machines.map(rootPath).join('') : '');
  const command = [
    ...onServer,
    ...['dnsmasq', '--conf-file=/dev/null', '--no-daemon', '--user=root', '--port=0', '--no-hosts', '--no-ping'],
    ...[`--interface=${serverInterface}`, '--bind-interfaces', '--dhcp-authoritative', '--leasefile-ro'],
    `--dhcp-range=${pool.first},${pool.last},255.255.0.0,12h`,
    `--dhcp-lease-max=${machines.length + 1}`,
    ...[`--dhcp-hostsfile=${hosts}`, `--dhcp-optsfile=${targets}`],
    ...options.map((option) => `--dhcp-option=${option}`),
    // One without routers: machines without one boot fastest.
    ...['3', '6'].map((option) => `--dhcp-option=${option}`),
  ];
  return startProgram({ command, log: join(folder, 'dhcp-log'), isReady: (pid) => listens(pid, 67) });
}

function tagOf(mac: MacAddress): string {
  return `m${mac.replaceAll(':', '')}`;
}
