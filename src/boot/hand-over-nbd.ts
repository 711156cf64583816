/**
 * Hands the disk of a boot over as an NBD export: any NBD client then reads and writes it, over the iSCSI session that goes on.
 *
 * The session follows the target when that goes away and comes back, and gives it anew what was under way: no client has been told
 * that such a write is done. What a client has been told is written is the target's to keep, as with any disk; that it is safe from a
 * power cut is only known after a flush, which goes through to the target.
 *
 * A client waits while the target is away, and gets errors when that takes too long, until the target is back (LastingSession).
 */

import type { Device } from '../block/device.ts';
import { NbdServer } from '../block/nbd-server.ts';
import { DisklessError } from '../bytes/index.ts';
import { formatNbdUri, type NbdPlace } from '../nbd/uri.ts';
import type { Clock } from '../os/clock.ts';
import type { LocalSockets } from '../os/local-sockets.ts';
import type { Network, StreamConnection } from '../os/network.ts';

export interface NbdHandOverOptions {
  /** Stays the caller's. */
  readonly device: Device;
  readonly place: NbdPlace;
  readonly description: string;
  readonly network: Network;
  readonly sockets: LocalSockets;
  readonly clock: Clock;
  /** Told why a client lost its connection. */
  readonly onFailure: (error: Error) => void;
}

export interface NbdHandOver {
  /** Where it is served. */
  readonly place: NbdPlace;
  /** How clients name it. */
  readonly uri: string;
  /** Finishes what is under way, ends every connection, and flushes the disk. */
  close(): Promise<void>;
}

/** Raises what listening there raises: SOCKET_..., NETWORK_.... */
export async function handOverByNbd(options: NbdHandOverOptions): Promise<NbdHandOver> {
  const { device, clock, description, onFailure } = options;
  const server = new NbdServer({ device, clock, description, onFailure });
  const listener = await listen(options, (connection) => server.accept(connection));
  return {
    place: listener.place,
    uri: formatNbdUri({ place: listener.place, exportName: '' }),
    async close() {
      await listener.close();
      await server.close();
      if (!device.readOnly) await device.flush();
    },
  };
}

interface Listening {
  readonly place: NbdPlace;
  close(): Promise<void>;
}

async function listen(
  { place, network, sockets }: NbdHandOverOptions,
  accept: (connection: StreamConnection) => void,
): Promise<Listening> {
  if (place.kind === 'local') {
    const listener = await sockets.listen(place.path, accept);
    return { place, close: () => listener.close() };
  }
  const { host } = place;
  const [address] = await network.resolve(host);
  if (address === undefined) throw new DisklessError('NETWORK_NAME_UNKNOWN', `${host} has no address`);
  const listener = await network.listenTcp({ address, port: place.port }, accept);
  return { place: { kind: 'tcp', host, port: listener.endpoint.port }, close: () => listener.close() };
}
