/** What the kernel's routes say of an IPv6 host, policy rules and all: asked by a UDP socket that is connected and sends nothing. */

import { createSocket } from 'node:dgram';
import { addressWithoutZone, type Ipv6Address, parseIpv6 } from '../bytes/index.ts';

/** Any port is as good. */
const DISCARD = 9;

/** The address that this machine speaks to the host from; undefined where no route leads there. */
export function ipv6SourceTowards(host: Ipv6Address): Promise<Ipv6Address | undefined> {
  const socket = createSocket('udp6');
  return new Promise((resolve) => {
    const end = (source: Ipv6Address | undefined) => socket.close(() => resolve(source));
    socket.once('error', () => end(undefined));
    socket.once('connect', () => end(parseIpv6(addressWithoutZone(socket.address().address))));
    socket.connect(DISCARD, host);
  });
}
