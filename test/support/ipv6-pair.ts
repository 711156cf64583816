/** A namespace pair with IPv6: 2001:db8::1/64 on the server's end, a link-local address on the client's. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { NamespacePair } from './namespace-pair.ts';

function inNamespace(namespace: string, ...command: string[]): string {
  const { status, stdout, stderr } = spawnSync('ip', ['netns', 'exec', namespace, ...command], { encoding: 'utf8' });
  assert.equal(status, 0, `${command.join(' ')}: ${stderr}`);
  return stdout;
}

/** Milliseconds. */
const PATIENCE = 10_000;

export class Ipv6Pair extends NamespacePair {
  constructor(name: string, clientMac: string) {
    super(name, clientMac);
    // Without duplicate address detection addresses are of use at once, and not some seconds later.
    for (const [namespace, link] of [
      [this.server, 'server0'],
      [this.client, 'client0'],
    ] as const) {
      const settings = ['all', 'default', link].map((place) => `net.ipv6.conf.${place}.accept_dad=0`);
      inNamespace(namespace, 'sysctl', '-qw', ...settings);
      inNamespace(namespace, 'ip', 'link', 'set', link, 'down');
    }
    inNamespace(this.server, 'ip', 'link', 'set', 'server0', 'up');
    inNamespace(this.client, 'ip', 'link', 'set', 'client0', 'up');
    inNamespace(this.server, 'ip', 'address', 'add', '2001:db8::1/64', 'dev', 'server0', 'nodad');
    for (const side of ['server', 'client'] as const) this.#awaitLinkLocal(side);
  }

  /** The kernel makes the address when it has noticed that the link is up. */
  #awaitLinkLocal(side: 'server' | 'client'): void {
    const end = Date.now() + PATIENCE;
    while (!this.addresses(side).includes('fe80::')) {
      assert.ok(Date.now() < end, `no link-local address within ${PATIENCE} ms: ${this.addresses(side)}`);
    }
  }

  /** IPv6 addresses of an end, as `ip` shows them. */
  addresses(side: 'server' | 'client'): string {
    return inNamespace(this[side], 'ip', '-6', '-brief', 'address', 'show', 'dev', `${side}0`);
  }

  command(side: 'server' | 'client', ...command: string[]): string {
    return inNamespace(this[side], ...command);
  }
}
