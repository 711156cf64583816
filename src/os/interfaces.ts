/** The machine's network interfaces, also those that are down or have no address yet. */

import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { type Ipv4Address, isIpv4, parseMac } from '../bytes/index.ts';
import { interfaceHardware, interfaceIpv4 } from './interface-requests.ts';
import { ipv6AddressesByInterface } from './ipv6-addresses.ts';
import type { NetworkInterface } from './network.ts';

/** In the order of the kernel's own list. */
export function listInterfaces(): NetworkInterface[] {
  const addressed = networkInterfaces();
  const ipv6 = ipv6AddressesByInterface();
  const names = kernelNames() ?? Object.keys(addressed);
  return names.flatMap((name) => {
    const entries = addressed[name] ?? [];
    const hardware = hardwareOf(name) ?? (entries[0] && { mac: parseMac(entries[0].mac), up: true });
    if (hardware === undefined) return [];
    const ipv4 = entries.flatMap(({ family, address, cidr }) =>
      family === 'IPv4' && isIpv4(address) ? [{ address: address as Ipv4Address, prefix: prefixOf(cidr) }] : [],
    );
    const { mac, up } = hardware;
    return [{ name, mac, up, ipv4: ipv4.length > 0 ? ipv4 : unconnected(name), ipv6: ipv6.get(name) ?? [] }];
  });
}

/** Node lists only interfaces with an address. /proc/self/net follows the process into its network namespace; /sys does not. */
function kernelNames(): string[] | undefined {
  try {
    const lines = readFileSync('/proc/self/net/dev', 'latin1').split('\n').slice(2);
    return lines.flatMap((line) => (line.includes(':') ? [line.slice(0, line.indexOf(':')).trim()] : []));
  } catch {
    return undefined;
  }
}

function hardwareOf(name: string): ReturnType<typeof interfaceHardware> {
  try {
    return interfaceHardware(name);
  } catch {
    return undefined;
  }
}

/** Node leaves out an interface without a carrier, as a network card is without a cable; its address is there all the same. */
function unconnected(name: string): NetworkInterface['ipv4'] {
  try {
    const address = interfaceIpv4(name);
    return address === undefined ? [] : [address];
  } catch {
    return [];
  }
}

function prefixOf(cidr: string | null): number {
  return cidr === null ? 32 : Number(cidr.slice(cidr.indexOf('/') + 1));
}
