/** The kernel's own list of IPv6 addresses: Node's leaves out whether an address may be used yet. */

import { readFileSync } from 'node:fs';
import { ipv6FromBytes } from '../bytes/index.ts';
import type { Ipv6InterfaceAddress } from './network.ts';

const IFA_F_DADFAILED = 0x08;
const IFA_F_DEPRECATED = 0x20;
const IFA_F_TENTATIVE = 0x40;

/** By name of the interface, each in the kernel's order. Empty where the kernel has no IPv6. */
export function ipv6AddressesByInterface(): ReadonlyMap<string, readonly Ipv6InterfaceAddress[]> {
  const found = new Map<string, Ipv6InterfaceAddress[]>();
  for (const line of addressLines()) {
    const [digits = '', , prefix = '', , flags = '', name = ''] = line.trim().split(/\s+/);
    if (digits.length !== 32) continue;
    const address = ipv6FromBytes(Buffer.from(digits, 'hex'));
    const state = stateOf(Number.parseInt(flags, 16));
    const list = found.get(name) ?? [];
    list.push({ address, prefix: Number.parseInt(prefix, 16), state });
    found.set(name, list);
  }
  return found;
}

/** One line per address: 32 hex digits, interface number, prefix length, scope, flags, interface name. */
function addressLines(): string[] {
  try {
    return readFileSync('/proc/self/net/if_inet6', 'latin1').split('\n');
  } catch {
    return [];
  }
}

function stateOf(flags: number): Ipv6InterfaceAddress['state'] {
  if ((flags & IFA_F_DADFAILED) !== 0) return 'duplicate';
  if ((flags & IFA_F_TENTATIVE) !== 0) return 'tentative';
  return (flags & IFA_F_DEPRECATED) !== 0 ? 'deprecated' : 'preferred';
}
