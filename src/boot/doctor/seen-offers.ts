/** Who offers what on a network: asks DHCP as iPXE and as a plain client at once, and takes nothing. */

import { IPV4_ANY } from '../../bytes/index.ts';
import type { DhcpClientOptions } from '../../dhcp/client/options.ts';
import { DhcpPort } from '../../dhcp/datagram.ts';
import { type DetectedServer, ServerDetection } from '../../dhcp/detect.ts';
import { Option } from '../../dhcp/option.ts';
import { OptionList } from '../../dhcp/option-list.ts';
import { type Clock, pause } from '../../os/clock.ts';
import type { Network, NetworkInterface } from '../../os/network.ts';
import { prefixOf, routesOf } from '../dhcp-stage.ts';
import type { AskedAs, SeenOffer } from './observation.ts';
import { readRootPath } from './root-path-reading.ts';

export interface OfferSearch {
  readonly network: Network;
  readonly clock: Clock;
  /** Gives [0, 1). */
  readonly random: () => number;
  readonly interface: NetworkInterface;
  /** Milliseconds to listen. Some servers ping an address for three seconds before they offer it. */
  readonly window: number;
  readonly signal: AbortSignal;
}

/** iPXE says what it is in option 77, as bare bytes, and what it can do in option 175: sub-option 17 is iSCSI. */
const asIpxe: Omit<DhcpClientOptions, 'hardwareAddress'> = {
  vendorClass: 'PXEClient:Arch:00000:UNDI:002001',
  architectures: [0],
  options: new OptionList()
    .setRaw(Option.userClass.code, new TextEncoder().encode('iPXE'))
    .setRaw(Option.ipxe.code, Uint8Array.of(17, 1, 1)),
};

/** Every offer of each server. Raises NETWORK_..., and the reason of `signal`. */
export async function seeOffers(search: OfferSearch): Promise<SeenOffer[]> {
  const { network, clock, random, window, signal } = search;
  const { name, mac: hardwareAddress } = search.interface;
  const kinds: readonly (readonly [AskedAs, ServerDetection])[] = [
    ['plain', new ServerDetection({ hardwareAddress, window }, random)],
    ['ipxe', new ServerDetection({ hardwareAddress, window, client: asIpxe }, random)],
  ];
  await using socket = await network.openUdp({
    interface: name,
    port: DhcpPort.client,
    broadcast: true,
    reuseAddress: true,
  });
  socket.start({
    message: (data, from) => {
      for (const [, detection] of kinds) detection.receive(data, from);
    },
    // What could not be sent now is sent again.
    error: () => {},
  });
  const send = (datagrams: ReturnType<ServerDetection['start']>): void => {
    for (const { data, to } of datagrams) socket.send(data, to);
  };
  for (const [, detection] of kinds) send(detection.start(clock.monotonic()));
  for (;;) {
    const deadlines = kinds.flatMap(([, { deadline }]) => (deadline === undefined ? [] : [deadline]));
    if (deadlines.length === 0) break;
    await pause(clock, Math.min(...deadlines) - clock.monotonic(), signal);
    signal.throwIfAborted();
    for (const [, detection] of kinds) send(detection.poll(clock.monotonic()));
  }
  return kinds.flatMap(([askedAs, { servers }]) => servers.map((server) => seenOffer(askedAs, server)));
}

function seenOffer(askedAs: AskedAs, { serverIdentifier, kind, offer }: DetectedServer): SeenOffer {
  const { options, yiaddr, file } = offer;
  const rootPath = options.raw(Option.rootPath.code);
  const bootFile = options.find(Option.bootFileName) ?? file;
  return {
    askedAs,
    server: serverIdentifier,
    kind,
    address: yiaddr === IPV4_ANY ? undefined : yiaddr,
    prefix: prefixOf(options.find(Option.subnetMask)),
    routes: routesOf(options.find(Option.routers), options.find(Option.classlessRoutes)),
    rootPath: rootPath === undefined ? undefined : readRootPath(rootPath),
    bootFile: bootFile === '' ? undefined : bootFile,
  };
}
