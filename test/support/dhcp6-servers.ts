/**
 * Other people's DHCPv6 servers in a namespace, for as long as a test runs: 2001:db8::100 to ::1ff, a Root Path, a name server, and a preference
 * that no client passes by (RFC 8415 §18.2.1).
 */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { runCommand } from '../../scripts/command.ts';
import type { Ipv6Pair } from './ipv6-pair.ts';
import { end } from './namespace-pair.ts';
import { findProgram } from './requires.ts';
import { temporaryDirectory } from './temporary-directory.ts';

export const rootPath = 'iscsi:[2001:db8::1]::::iqn.2024-01.com.example:disk';

export type Dhcp6ServerName = 'dnsmasq' | 'kea-dhcp6' | 'dhcpd';

/** Seconds: long enough for a test, with a renewal at once. */
const T1 = 2;
const T2 = 3;

/** Where a server runs: a namespace, and its interface, which has 2001:db8::1/64 or another address of that network. */
export interface Dhcp6ServerPlace {
  readonly namespace: string;
  readonly interface: string;
}

interface Start {
  readonly args: (folder: string, link: string) => readonly string[];
  /** What it says when it is ready. */
  readonly ready: string;
}

const starts: Readonly<Record<Dhcp6ServerName, Start>> = {
  dnsmasq: {
    ready: 'DHCP, sockets bound',
    args: (_folder, link) => [
      ...['--conf-file=/dev/null', '--no-daemon', '--user=root', '--port=0', '--log-dhcp', '--no-hosts', '--no-ping'],
      ...[
        '--dhcp-authoritative',
        '--leasefile-ro',
        `--interface=${link}`,
        '--bind-dynamic',
        '--dhcp-range=2001:db8::100,2001:db8::1ff,64,1h',
      ],
      ...[`--dhcp-option=option6:59,${rootPath}`, '--dhcp-option=option6:dns-server,[2001:db8::1]'],
    ],
  },
  'kea-dhcp6': {
    ready: 'DHCP6_STARTED',
    args: (folder, link) => ['-c', written(folder, 'kea.json', JSON.stringify(keaConfiguration(link)))],
  },
  dhcpd: {
    ready: 'Server starting service',
    args: (folder, link) => [
      ...['-6', '-f', '-d', '-cf', written(folder, 'dhcpd.conf', dhcpdConfiguration)],
      ...['-lf', written(folder, 'leases', ''), '-pf', join(folder, 'pid'), link],
    ],
  },
};

const keaConfiguration = (link: string) => ({
  Dhcp6: {
    'server-id': { type: 'LL', persist: false },
    'interfaces-config': {
      interfaces: [link],
      // While an address of the interface is tried out, it cannot be listened at.
      ...{ 'service-sockets-max-retries': 100, 'service-sockets-retry-wait-time': 100 },
    },
    'lease-database': { type: 'memfile', persist: false },
    ...{ 'preferred-lifetime': 300, 'valid-lifetime': 400, 'renew-timer': T1, 'rebind-timer': T2 },
    subnet6: [
      {
        id: 1,
        subnet: '2001:db8::/64',
        interface: link,
        pools: [{ pool: '2001:db8::100-2001:db8::1ff' }],
        'rapid-commit': true,
        'option-data': [
          { name: 'bootfile-url', data: rootPath },
          { name: 'dns-servers', data: '2001:db8::1' },
          { name: 'preference', data: '255' },
        ],
      },
    ],
    loggers: [{ name: 'kea-dhcp6', output_options: [{ output: 'stderr' }], severity: 'INFO' }],
  },
});

const dhcpdConfiguration = `
  default-lease-time 400; preferred-lifetime 300;
  option dhcp-renewal-time ${T1}; option dhcp-rebinding-time ${T2};
  option dhcp6.bootfile-url code 59 = string;
  option dhcp6.bootfile-url "${rootPath}";
  option dhcp6.name-servers 2001:db8::1;
  option dhcp6.preference 255;
  option dhcp6.rapid-commit;
  subnet6 2001:db8::/64 { range6 2001:db8::100 2001:db8::1ff; }
`;

function written(folder: string, name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** Milliseconds: on a machine that makes many namespaces at a time the kernel is late with it (RFC 4862 §5.4). */
const LONGEST_TRIAL = 30_000;

/** Servers pass over an address that is still tried out, and do not come back to it. The kernel tells nobody when it is over. */
async function addressesTriedOut({ namespace, interface: link }: Dhcp6ServerPlace): Promise<void> {
  const end = performance.now() + LONGEST_TRIAL;
  for (;;) {
    const shown = await runCommand('ip', ['-n', namespace, '-6', '-o', 'address', 'show', 'dev', link]);
    if (shown.includes(' fe80:') && !shown.includes(' tentative')) return;
    assert.ok(performance.now() < end, `the addresses of ${link} are still tried out: ${shown}`);
    await setTimeout(50);
  }
}

export class Dhcp6ServerProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** On the server's end. Returns once it answers requests. */
  static start(t: TestContext, pair: Ipv6Pair, name: Dhcp6ServerName): Promise<Dhcp6ServerProcess> {
    return Dhcp6ServerProcess.startAt(t, { namespace: pair.server, interface: 'server0' }, name);
  }

  static async startAt(t: TestContext, place: Dhcp6ServerPlace, name: Dhcp6ServerName): Promise<Dhcp6ServerProcess> {
    await addressesTriedOut(place);
    const folder = temporaryDirectory(t);
    const { args, ready } = starts[name];
    // Kea keeps its lock and its process id in files that are the same for all.
    const environment = [`KEA_PIDFILE_DIR=${folder}`, 'KEA_LOCKFILE_DIR=none'];
    const command = [...environment, findProgram(name) ?? name, ...args(folder, place.interface)];
    const inside = ['netns', 'exec', place.namespace, 'env', ...command];
    const server = new Dhcp6ServerProcess(spawn('ip', inside, { stdio: ['ignore', 'pipe', 'pipe'] }));
    await server.#ready(ready);
    return server;
  }

  /** What it has said, for a test that fails. */
  get report(): string {
    return this.#lines.join('\n');
  }

  async #ready(text: string): Promise<void> {
    const { stdout, stderr } = this.#child;
    assert.ok(stdout && stderr);
    const up = new Promise<void>((resolve) => {
      for (const stream of [stdout, stderr]) {
        createInterface({ input: stream }).on('line', (line) => {
          this.#lines.push(line);
          if (line.includes(text)) resolve();
        });
      }
    });
    const ended = once(this.#child, 'exit').then(() => assert.fail(`it ended: ${this.report}`));
    ended.catch(() => {});
    await Promise.race([up, ended]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await end(this.#child);
  }
}
