/** DHCP servers of other makes in a namespace, each told the same by its own configuration, for as long as a test runs. */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Option } from '../../src/dhcp/option.ts';
import { OptionList } from '../../src/dhcp/option-list.ts';
import { startDnsmasq } from './dnsmasq.ts';
import { end, type NamespacePair, said } from './namespace-pair.ts';
import { findProgram } from './requires.ts';

/** What a server is to say beside addresses of 192.0.2.100 to 192.0.2.150; an option's value is as it is on the wire. */
export interface ServedOptions {
  readonly options: ReadonlyMap<number, Uint8Array>;
  /** Seconds. Default 3600. */
  readonly leaseTime?: number;
  readonly bootp?: boolean;
}

export interface OtherServer {
  /** What the machine needs for it. */
  readonly needs: readonly string[];
  start(pair: NamespacePair, served: ServedOptions): Promise<AsyncDisposable>;
}

function hex(bytes: Uint8Array, separator = ''): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(separator);
}

/** A folder for a server's files, and the server in it. */
async function startInFolder(
  pair: NamespacePair,
  files: Readonly<Record<string, string>>,
  command: (folder: string) => readonly [string, ...string[]],
  ready: RegExp,
): Promise<AsyncDisposable> {
  const folder = mkdtempSync(join(tmpdir(), 'diskless-dhcp-'));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  const [program, ...args] = command(folder);
  const env = { ...process.env, KEA_PIDFILE_DIR: folder, KEA_LOCKFILE_DIR: folder };
  const path = findProgram(program) ?? program;
  const server: ChildProcess = spawn('ip', ['netns', 'exec', pair.server, path, ...args], {
    env,
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stop = async () => {
    await end(server);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await said(server, ready);
  } catch (error) {
    await stop();
    throw error;
  }
  return { [Symbol.asyncDispose]: stop };
}

/** It takes bytes only for options that it does not know. */
const dnsmasqForms: ReadonlyMap<number, (list: OptionList) => string> = new Map([
  [Option.routers.code, (list) => `${list.get(Option.routers)}`],
  [Option.domainNameServers.code, (list) => `${list.get(Option.domainNameServers)}`],
  [Option.hostName.code, (list) => `${list.get(Option.hostName)}`],
  [Option.domainName.code, (list) => `${list.get(Option.domainName)}`],
  [Option.rootPath.code, (list) => `${list.get(Option.rootPath)}`],
  [Option.interfaceMtu.code, (list) => `${list.get(Option.interfaceMtu)}`],
  [Option.vendorClass.code, (list) => `${list.get(Option.vendorClass)}`],
  [Option.domainSearch.code, (list) => `${list.get(Option.domainSearch)}`],
  [
    Option.classlessRoutes.code,
    (list) => {
      const routes = list.get(Option.classlessRoutes) ?? [];
      return routes.map(({ destination, prefix, router }) => `${destination}/${prefix},${router}`).join(',');
    },
  ],
]);

function dnsmasqForm(code: number, value: Uint8Array): string {
  return dnsmasqForms.get(code)?.(new OptionList([[code, value]])) ?? hex(value, ':');
}

const dnsmasq: OtherServer = {
  needs: ['dnsmasq'],
  start(pair, { options, bootp = false }) {
    const forced = [...options].map(([code, value]) => `--dhcp-option-force=${code},${dnsmasqForm(code, value)}`);
    return startDnsmasq(pair, [...forced, ...(bootp ? ['--bootp-dynamic'] : [])]);
  },
};

const dhcpd: OtherServer = {
  needs: ['dhcpd'],
  start(pair, { options, leaseTime = 3600, bootp = false }) {
    // The options that it knows by name have forms of their own there: under another name they are bytes.
    const definitions = [...options.keys()].map((code) => `option wire-${code} code ${code} = string;`);
    const lines = [...options].map(([code, value]) => `  option wire-${code} ${hex(value, ':')};`);
    const configuration = [
      'authoritative;',
      'ping-check false;',
      `default-lease-time ${leaseTime};`,
      `max-lease-time ${leaseTime};`,
      `min-lease-time ${leaseTime};`,
      ...definitions,
      'subnet 192.0.2.0 netmask 255.255.255.0 {',
      `  range ${bootp ? 'dynamic-bootp ' : ''}192.0.2.100 192.0.2.150;`,
      ...lines,
      '}',
    ];
    return startDhcpd(pair, configuration.join('\n'));
  },
};

/** In the server's namespace, with a configuration of its own. */
export function startDhcpd(pair: NamespacePair, configuration: string): Promise<AsyncDisposable> {
  const files = { 'dhcpd.conf': configuration, 'dhcpd.leases': '' };
  const command = (folder: string) =>
    [
      ...(['dhcpd', '-4', '-f', '-d', '--no-pid'] as const),
      ...['-cf', join(folder, 'dhcpd.conf'), '-lf', join(folder, 'dhcpd.leases'), 'server0'],
    ] as const;
  return startInFolder(pair, files, command, /Server starting service/);
}

const kea: OtherServer = {
  needs: ['kea-dhcp4'],
  start(pair, { options, leaseTime = 3600, bootp = false }) {
    const data = [...options].map(([code, value]) => ({
      ...{ code, 'csv-format': false, data: hex(value) },
      'always-send': true,
    }));
    const configuration = {
      Dhcp4: {
        'interfaces-config': { interfaces: ['server0'] },
        'lease-database': { type: 'memfile', persist: false },
        'valid-lifetime': leaseTime,
        'hooks-libraries': bootp ? [{ library: keaBootpHook }] : [],
        'option-data': data,
        subnet4: [{ subnet: '192.0.2.0/24', pools: [{ pool: '192.0.2.100 - 192.0.2.150' }] }],
        loggers: [{ name: 'kea-dhcp4', output_options: [{ output: 'stdout' }], severity: 'INFO' }],
      },
    };
    const files = { 'kea.json': JSON.stringify(configuration) };
    return startInFolder(pair, files, (folder) => ['kea-dhcp4', '-c', join(folder, 'kea.json')], /DHCP4_STARTED/);
  },
};

/** It comes with the server, in the folder of the machine's architecture. */
export const keaBootpHook = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/kea/hooks/libdhcp_bootp.so`;

const udhcpd: OtherServer = {
  needs: ['busybox'],
  start(pair, { options, leaseTime = 3600 }) {
    const lines = [...options].map(([code, value]) => `opt 0x${code.toString(16)} ${hex(value)}`);
    const configuration = [
      ...['start 192.0.2.100', 'end 192.0.2.150', 'interface server0', 'max_leases 51', 'min_lease 2'],
      ...['lease_file udhcpd.leases', 'pidfile udhcpd.pid', 'opt subnet 255.255.255.0', `opt lease ${leaseTime}`],
      ...lines,
    ];
    const files = { 'udhcpd.conf': `${configuration.join('\n')}\n`, 'udhcpd.leases': '' };
    return startInFolder(pair, files, () => ['busybox', 'udhcpd', '-f', 'udhcpd.conf'], /started/);
  },
};

export const otherServers = { dnsmasq, dhcpd, kea, udhcpd };
