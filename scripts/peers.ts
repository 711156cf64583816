/**
 * The Debian packages that the demo and the tests need beside npm's, by purpose, and their installation.
 *
 *     node scripts/peers.ts demo|test
 */
import { access, rm, writeFile } from 'node:fs/promises';
import { runCommand } from './command.ts';

/** Builds the Debian image, and boots it on a machine without a disk. */
const machinePackages = [
  'mmdebstrap',
  'debian-archive-keyring',
  'e2fsprogs',
  'mtools',
  'iproute2',
  'qemu-system-x86',
  'ovmf',
  'ipxe',
  'ipxe-qemu',
] as const;

export const peers = {
  demo: machinePackages,
  test: [
    ...machinePackages,
    // iSCSI initiators and targets
    'libiscsi-bin',
    'qemu-utils',
    'qemu-block-extra',
    'tgt',
    'istgt',
    // NBD clients and servers
    'libnbd-bin',
    'nbdkit',
    // iSNS: a server and two clients
    'open-isns-server',
    'open-isns-utils',
    'open-isns-discoveryd',
    // DHCP: servers, clients, relays, and a load
    'dnsmasq-base',
    'isc-dhcp-server',
    'kea-dhcp4-server',
    'kea-dhcp6-server',
    'busybox',
    'isc-dhcp-client',
    'udhcpc',
    'dhcpcd-base',
    'systemd',
    'isc-dhcp-relay',
    'kea-admin',
    // TFTP and HTTP
    'tftp-hpa',
    'curl',
    // Reads our IPsec configuration, and protects by it
    'strongswan-swanctl',
    'charon-systemd',
    'libcharon-extra-plugins',
    'libstrongswan-standard-plugins',
    // A second opinion on names, partition tables and what is on the wire
    'idn',
    'fdisk',
    'tshark',
    // nsenter, losetup, mount, sysctl
    'util-linux',
    'mount',
    'procps',
  ],
} as const satisfies Record<string, readonly string[]>;

export type Purpose = keyof typeof peers;

export interface InstallOptions {
  readonly onProgress?: (what: string) => void;
}

/** Those of the packages that are not installed. On a system without dpkg nothing is known to be installed. */
export async function missingPackages(purpose: Purpose): Promise<string[]> {
  const installed = await installedPackages();
  return [...new Set(peers[purpose])].filter((name) => !installed.has(name));
}

async function installedPackages(): Promise<ReadonlySet<string>> {
  try {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own format language.
    const list = await runCommand('dpkg-query', ['--show', '--showformat', '${db:Status-Status} ${Package}\n']);
    const lines = list.split('\n').filter((line) => line.startsWith('installed '));
    return new Set(lines.map((line) => line.slice('installed '.length)));
  } catch {
    return new Set();
  }
}

/** What a person has to run where we may not. */
export function installCommand(packages: readonly string[]): string {
  return `apt-get update && apt-get install --no-install-recommends ${packages.join(' ')}`;
}

/** Installs packages by apt-get without starting any service they bring. Needs root. */
export async function installPackages(packages: readonly string[], options: InstallOptions = {}): Promise<void> {
  const env = { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' };
  await using _ = await denyServiceStarts();
  options.onProgress?.('apt-get update');
  await runCommand('apt-get', ['update', '-qq'], { env });
  const describe = installProgress();
  await runCommand('apt-get', ['install', '-y', '--no-install-recommends', '-o', 'Dpkg::Use-Pty=0', ...packages], {
    env,
    onLine: (line) => {
      const doing = describe(line);
      if (doing !== undefined) options.onProgress?.(doing);
    },
  });
}

/** Turns apt-get's chatter into "unpacked 12 of 40". */
function installProgress(): (line: string) => string | undefined {
  let total = 0;
  const counts = { Get: 0, Unpacking: 0, 'Setting up': 0 };
  const words = { Get: 'downloaded', Unpacking: 'unpacked', 'Setting up': 'set up' } as const;
  return (line) => {
    const plan = /^\d+ upgraded, (\d+) newly installed/.exec(line);
    if (plan !== null) total = Number(plan[1]);
    const step = (['Get', 'Unpacking', 'Setting up'] as const).find((word) => line.startsWith(word));
    if (step === undefined) return undefined;
    counts[step] += 1;
    return `${words[step]} ${counts[step]} of ${total} packages`;
  };
}

/** The file that Debian's packages ask before they start a daemon (Debian Policy §9.3.3, invoke-rc.d). */
const policyFile = '/usr/sbin/policy-rc.d';

/**
 * Keeps dpkg from starting services: tgt or a DHCP server would take the very ports under test. A machine's own policy is left alone.
 */
async function denyServiceStarts(): Promise<AsyncDisposable> {
  const present = await access(policyFile).then(
    () => true,
    () => false,
  );
  if (present) return { async [Symbol.asyncDispose]() {} };
  await writeFile(policyFile, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  return { [Symbol.asyncDispose]: () => rm(policyFile, { force: true }) };
}

/** Installs what is missing when root; otherwise says what to run. True when everything is there in the end. */
export async function providePeers(
  purpose: Purpose,
  say: (line: string) => void,
  options: InstallOptions = {},
): Promise<boolean> {
  const packages = await missingPackages(purpose);
  if (packages.length === 0) return true;
  if (process.getuid?.() === 0) {
    await installPackages(packages, options);
    return true;
  }
  say(`Debian packages that are not installed: ${packages.join(' ')}`);
  say(`To install them, as root: ${installCommand(packages)}`);
  return false;
}

if (import.meta.main) {
  const purpose = process.argv[2];
  if (purpose !== 'demo' && purpose !== 'test') {
    console.error('Usage: node scripts/peers.ts demo|test');
    process.exit(2);
  }
  const complete = await providePeers(purpose, console.error, { onProgress: (what) => console.error(`  ${what}`) });
  process.exit(complete ? 0 : 1);
}
