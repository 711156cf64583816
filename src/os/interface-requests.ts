/**
 * What the kernel tells of one interface, and Node of none that has no address or nothing connected to it: by foreign function calls
 * to the C library. Constants are those of Linux. All of it raises OS_CALLS_UNAVAILABLE.
 */

import { endianness } from 'node:os';
import { type Ipv4Address, ipv4FromBytes, ipv4PrefixOf, type MacAddress, macFromBytes } from '../bytes/index.ts';
import { ioctl, nameBytes } from './ioctl.ts';

const SIOCGIFFLAGS = 0x8913;
const SIOCGIFADDR = 0x8915;
const SIOCGIFNETMASK = 0x891b;
const SIOCGIFMTU = 0x8921;
const SIOCGIFHWADDR = 0x8927;
const IFF_UP = 1;

/** `struct ifreq`: a name of 16 bytes, then 24 bytes whose meaning depends on the request. */
const IFREQ = { length: 40, value: 16, hardwareAddress: 18, ipv4Address: 20 } as const;

/** Hardware address and state; undefined when there is no such interface. */
export function interfaceHardware(interfaceName: string): { mac: MacAddress; up: boolean } | undefined {
  const [hardware, flags] = ask(interfaceName, SIOCGIFHWADDR, SIOCGIFFLAGS);
  if (hardware === undefined || flags === undefined) return undefined;
  const mac = macFromBytes(hardware.subarray(IFREQ.hardwareAddress, IFREQ.hardwareAddress + 6));
  return { mac, up: ((flags[IFREQ.value] as number) & IFF_UP) !== 0 };
}

/** Bytes of the longest IP datagram that it sends whole; undefined when there is no such interface. */
export function interfaceMtu(interfaceName: string): number | undefined {
  const [answer] = ask(interfaceName, SIOCGIFMTU);
  return answer && new DataView(answer.buffer).getInt32(IFREQ.value, endianness() === 'LE');
}

/** Its first IPv4 address; undefined when it has none. */
export function interfaceIpv4(interfaceName: string): { address: Ipv4Address; prefix: number } | undefined {
  const [address, mask] = ask(interfaceName, SIOCGIFADDR, SIOCGIFNETMASK).map((answer) =>
    answer?.subarray(IFREQ.ipv4Address, IFREQ.ipv4Address + 4),
  );
  if (address === undefined || mask === undefined) return undefined;
  return { address: ipv4FromBytes(address), prefix: ipv4PrefixOf(ipv4FromBytes(mask)) ?? 32 };
}

/** The kernel's answer to each request; undefined where it has none. */
function ask(interfaceName: string, ...numbers: readonly number[]): (Uint8Array<ArrayBuffer> | undefined)[] {
  const requests = numbers.map((number) => {
    const argument = new Uint8Array(IFREQ.length);
    argument.set(nameBytes(interfaceName));
    return { number, argument };
  });
  const errors = ioctl(...requests);
  return requests.map(({ argument }, index) => (errors[index] === undefined ? argument : undefined));
}
