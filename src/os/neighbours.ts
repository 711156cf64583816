/** The kernel's table of who is who on the local networks (ARP). */

import { readFileSync } from 'node:fs';
import { type Ipv4Address, ipv4ToBytes, type MacAddress, macFromBytes, parseMac } from '../bytes/index.ts';
import { ioctl, nameBytes } from './ioctl.ts';
import { AF_INET } from './socket.ts';

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

/** The table's entries of one interface, one at a time. */
export interface NeighbourTable {
  /** Who is at an address; undefined when the kernel does not know. */
  at(interfaceName: string, address: Ipv4Address): MacAddress | undefined;
  /** Makes the kernel ask anew when the next datagram goes there; false when it may not be told to. */
  forget(interfaceName: string, address: Ipv4Address): boolean;
}

const SIOCDARP = 0x8953;
const SIOCGARP = 0x8954;
/** `struct arpreq`: protocol and hardware address of 16 bytes each, flags, netmask of 16 bytes, name of the interface. */
const ARPREQ = { length: 68, hardwareAddress: 18, flags: 32, device: 52 } as const;
/** The entry is complete. */
const ATF_COM = 2;

/** Both raise OS_CALLS_UNAVAILABLE. */
export const kernelNeighbours: NeighbourTable = {
  at(interfaceName, address) {
    const entry = arpRequest(interfaceName, address);
    const [error] = ioctl({ number: SIOCGARP, argument: entry });
    if (error !== undefined) return undefined;
    const isComplete = ((entry[ARPREQ.flags] as number) & ATF_COM) !== 0;
    return isComplete ? macFromBytes(entry.subarray(ARPREQ.hardwareAddress, ARPREQ.hardwareAddress + 6)) : undefined;
  },
  forget(interfaceName, address) {
    const [error] = ioctl({ number: SIOCDARP, argument: arpRequest(interfaceName, address) });
    // ENXIO: there is no such entry.
    return error === undefined || error === 'ENXIO';
  },
};

function arpRequest(interfaceName: string, address: Ipv4Address): Uint8Array {
  const request = new Uint8Array(ARPREQ.length);
  request.set(new Uint8Array(Uint16Array.of(AF_INET).buffer));
  request.set(ipv4ToBytes(address), 4);
  request.set(nameBytes(interfaceName), ARPREQ.device);
  return request;
}
