/** An export of an NBD server, by its URI, as a Device. */

import { type NbdDevice, type NbdDeviceOptions, openNbdDevice } from '../block/nbd-device.ts';
import { DisklessError } from '../bytes/index.ts';
import { type NbdPlace, parseNbdUri } from '../nbd/uri.ts';
import type { Clock } from '../os/clock.ts';
import type { LocalSockets } from '../os/local-sockets.ts';
import type { Network, StreamConnection } from '../os/network.ts';

/** What leads to NBD servers. */
export interface NbdReach {
  readonly network: Network;
  readonly sockets: LocalSockets;
  readonly clock: Clock;
}

/** Milliseconds for the connection to one address. */
const CONNECT_TIMEOUT = 10_000;

/** Raises NBD_URI, SOCKET_..., NETWORK_..., and what `openNbdDevice` raises. */
export async function openNbdExport(
  uri: string,
  reach: NbdReach,
  options: Omit<NbdDeviceOptions, 'clock' | 'exportName'>,
): Promise<NbdDevice> {
  const { place, exportName } = parseNbdUri(uri);
  const stream = await connect(place, reach);
  return openNbdDevice(stream, { ...options, clock: reach.clock, exportName });
}

/** Tries each address of the host in turn; the last one's error counts. */
async function connect(place: NbdPlace, { network, sockets }: NbdReach): Promise<StreamConnection> {
  if (place.kind === 'local') return sockets.connect(place.path);
  const { host, port } = place;
  let failure: unknown = new DisklessError('NETWORK_NAME_UNKNOWN', `${host} has no address`);
  for (const address of await network.resolve(host)) {
    try {
      return await network.connectTcp({ address, port }, { timeout: CONNECT_TIMEOUT });
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
