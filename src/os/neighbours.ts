/** The kernel's table of who is who on the local networks (ARP). */

import { readFileSync } from 'node:fs';
import { type Ipv4Address, type MacAddress, parseMac } from '../bytes/index.ts';

/** The hardware address that an IPv4 address was last seen at; undefined when the kernel does not know, or does not tell. */
export function neighbourOf(address: Ipv4Address): MacAddress | undefined {
  const line = arpTable().find((entry) => entry.startsWith(`${address} `));
  const mac = line?.split(/\s+/)[3];
  return mac === undefined || mac === '00:00:00:00:00:00' ? undefined : parseMac(mac);
}

/** One line per entry: address, hardware type, flags, hardware address, mask, device. */
function arpTable(): string[] {
  try {
    return readFileSync('/proc/self/net/arp', 'latin1').split('\n').slice(1);
  } catch {
    return [];
  }
}
