/** A third machine on the cable of a namespace pair, beside the server: its interface is `other0`. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import type { NamespacePair } from './namespace-pair.ts';

function ip(...args: string[]): void {
  const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
  assert.equal(status, 0, `ip ${args.join(' ')}: ${stderr}`);
}

export class Neighbour implements Disposable {
  readonly namespace: string;
  readonly interface = 'other0';

  /** With its addresses, such as `192.0.2.2/24`. It is to be disposed of before the pair. */
  constructor({ server }: NamespacePair, ...addresses: readonly string[]) {
    this.namespace = `${server}-other`;
    ip('netns', 'add', this.namespace);
    // Without duplicate address detection addresses are of use at once, and not some seconds later.
    const settings = ['all', 'default'].map((place) => `net.ipv6.conf.${place}.accept_dad=0`);
    ip('netns', 'exec', this.namespace, 'sysctl', '-qw', ...settings);
    const link = ['link', 'server0', 'name', this.interface, 'netns', this.namespace];
    ip('-n', server, 'link', 'add', ...link, 'type', 'macvlan', 'mode', 'bridge');
    ip('-n', this.namespace, 'link', 'set', 'lo', 'up');
    ip('-n', this.namespace, 'link', 'set', this.interface, 'up');
    for (const address of addresses) {
      const nodad = address.includes(':') ? ['nodad'] : [];
      ip('-n', this.namespace, 'address', 'add', address, 'dev', this.interface, ...nodad);
    }
  }

  [Symbol.dispose](): void {
    ip('netns', 'del', this.namespace);
  }
}
