/** Who gives addresses by DHCPv6 on a link: asked as a client asks (RFC 8415 §18.2.1), of whom nothing is taken. */

import type { MacAddress } from '../bytes/index.ts';
import { Dhcp6Port } from '../dhcp6/datagram.ts';
import { ServerDetection } from '../dhcp6/detect.ts';
import { duidOfMac, formatDuid } from '../dhcp6/duid.ts';
import { type Clock, pause } from '../os/clock.ts';
import type { Endpoint, Network, UdpOptions } from '../os/network.ts';

export interface Dhcp6DetectionOptions {
  readonly network: Network;
  readonly clock: Clock;
  /** Gives [0, 1). */
  readonly random: () => number;
  /** The name of the interface, and its address. */
  readonly interface: string;
  readonly mac: MacAddress;
  /** How the client's port is taken. */
  readonly socket: Pick<UdpOptions, 'reuseAddress' | 'multicastLoop'>;
  /** Milliseconds to listen; the question is repeated at half of it. */
  readonly window: number;
  /** Ends it before, without a word. */
  readonly signal: AbortSignal;
  /** Gets each answer: the server's identifier, and where it came from. */
  readonly onServer: (server: string, from: Endpoint) => void;
}

/** Raises NETWORK_..., where the port is somebody else's. */
export async function detectDhcp6Servers(options: Dhcp6DetectionOptions): Promise<void> {
  const { network, clock, random, interface: name, mac, window, signal, onServer } = options;
  const detection = new ServerDetection({ duid: duidOfMac(mac), window }, random);
  const place = { interface: name, address: '::', port: Dhcp6Port.client };
  await using socket = await network.openUdp({ ...place, ...options.socket });
  socket.start({
    message: (data, from) => {
      const server = detection.receive(data);
      if (server !== undefined) onServer(formatDuid(server), from);
    },
    // A network that cannot be reached now has no server that answers, and is asked twice.
    error: () => {},
  });
  const first = detection.start(clock.monotonic());
  socket.send(first.data, first.to);
  while (detection.deadline !== undefined && !signal.aborted) {
    await pause(clock, detection.deadline - clock.monotonic(), signal);
    const next = detection.poll(clock.monotonic());
    if (next !== undefined && !signal.aborted) socket.send(next.data, next.to);
  }
}
