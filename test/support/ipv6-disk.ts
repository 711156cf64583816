/** A network of IPv6 alone with a disk on its server's end, and dnsmasq there for whatever a test wants of it. */

import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { makeBootDisk } from './boot-disk.ts';
import { Ipv6Pair } from './ipv6-pair.ts';
import { end, said } from './namespace-pair.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const program = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');

export const targetName = 'iqn.2024-01.com.example:disk';

export interface Ipv6DiskOptions {
  /** Of the namespaces. */
  readonly name: string;
  /** Of the client. */
  readonly mac: string;
  /** Another one than that of the link: behind it. */
  readonly address?: string;
  /** Another one than `targetName`. */
  readonly targetName?: string;
}

/** `diskless target` at port 3260 of the address, or of 2001:db8::1, until the stack is disposed of. */
export async function serveIpv6Disk(
  t: TestContext,
  stack: AsyncDisposableStack,
  { name, mac, address, targetName: ownName = targetName }: Ipv6DiskOptions,
): Promise<Ipv6Pair> {
  const pair = stack.use(new Ipv6Pair(name, mac));
  if (address !== undefined) pair.command('server', 'ip', 'address', 'add', `${address}/128`, 'dev', 'lo', 'nodad');
  const disk = join(temporaryDirectory(t), 'disk.img');
  makeBootDisk(disk);
  const args = ['target', disk, '--name', ownName, '--listen', `[${address ?? '2001:db8::1'}]:3260`];
  const target = pair.spawn('server', process.execPath, [program, ...args]);
  stack.defer(() => end(target));
  await said(target, /3260/);
  return pair;
}

/** Lets the client's kernel do what a machine with IPv6 does by itself. */
export function heedRouters(pair: Ipv6Pair): void {
  pair.command('client', 'sysctl', '-qw', 'net.ipv6.conf.client0.accept_ra=1', 'net.ipv6.conf.client0.forwarding=0');
}

/** On the server's end, until the stack is disposed of; returns when it has said what `ready` looks for. */
export async function startIpv6Dnsmasq(
  pair: Ipv6Pair,
  stack: AsyncDisposableStack,
  ready: RegExp,
  ...settings: readonly string[]
): Promise<void> {
  const quiet = ['--conf-file=/dev/null', '--no-daemon', '--user=root', '--no-hosts', '--leasefile-ro', '--no-ping'];
  const place = ['--interface=server0', '--bind-dynamic'];
  const daemon = pair.spawn('server', 'dnsmasq', [...quiet, ...place, ...settings]);
  stack.defer(() => end(daemon));
  await said(daemon, ready);
}
