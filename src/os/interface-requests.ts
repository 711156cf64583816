/**
 * What the kernel tells of one interface, and Node of none that has no address or nothing connected to it: by foreign function calls
 * to the C library. Constants are those of Linux. All of it raises OS_CALLS_UNAVAILABLE.
 */

import { endianness } from 'node:os';
import { type Ipv4Address, ipv4FromBytes, type MacAddress, macFromBytes } from '../bytes/index.ts';
import { calls } from './c-library.ts';

const AF_INET = 2;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
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
  return { address: ipv4FromBytes(address), prefix: prefixOfMask(mask) };
}

function prefixOfMask(mask: Uint8Array): number {
  return Math.clz32(~new DataView(mask.buffer, mask.byteOffset).getUint32(0));
}

/** The kernel's answer to each request; undefined where it has none. */
function ask(interfaceName: string, ...requests: readonly number[]): (Uint8Array<ArrayBuffer> | undefined)[] {
  const c = calls();
  const fd = c.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return requests.map(() => undefined);
  try {
    return requests.map((request) => {
      const answer = new Uint8Array(IFREQ.length);
      answer.set(new TextEncoder().encode(interfaceName).subarray(0, 15));
      return c.ioctl(fd, request, answer) < 0 ? undefined : answer;
    });
  } finally {
    c.close(fd);
  }
}
