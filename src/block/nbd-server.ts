/**
 * An NBD server over a Device, for any number of connections at once: all see the same blocks, and a flush of one covers what the
 * others have been told is written (NBD_FLAG_CAN_MULTI_CONN). Whoever listens hands the connections over.
 *
 *     const server = new NbdServer({ device, clock });
 *     await using listener = await nodeLocalSockets.listen('/run/disk.sock', (connection) => server.accept(connection));
 */

import { TransmissionFlag } from '../nbd/protocol.ts';
import type { ExportDescription } from '../nbd/server-handshake.ts';
import type { Clock } from '../os/clock.ts';
import type { StreamConnection } from '../os/network.ts';
import type { Device } from './device.ts';
import { NbdServerConnection } from './nbd-server-connection.ts';

export interface NbdServerOptions {
  /** Stays the caller's: it is not closed with the server. */
  readonly device: Device;
  readonly clock: Clock;
  /** For people who ask what the export is. */
  readonly description?: string;
  /** Told why a connection ended, where it was not the client's wish. */
  readonly onFailure?: (error: Error) => void;
}

/** Bytes that one request may carry either way: what QEMU takes. */
const MAX_PAYLOAD = 32 << 20;
/** Bytes that suit a disk behind a network. */
const PREFERRED_PAYLOAD = 4096;
/** Clients at once: more is a mistake of somebody's. */
const MAX_CONNECTIONS = 64;

export class NbdServer implements AsyncDisposable {
  readonly #options: NbdServerOptions;
  readonly #export: ExportDescription;
  readonly #connections = new Set<NbdServerConnection>();
  #isClosing = false;

  constructor(options: NbdServerOptions) {
    this.#options = options;
    this.#export = describeExport(options.device, options.description ?? '');
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#connections.size;
  }

  accept(stream: StreamConnection): void {
    if (this.#isClosing || this.#connections.size >= MAX_CONNECTIONS) {
      stream.destroy();
      return;
    }
    const { device, clock, onFailure } = this.#options;
    const connection = new NbdServerConnection(stream, { device, clock, export: this.#export });
    this.#connections.add(connection);
    void connection.closed.then((error) => {
      this.#connections.delete(connection);
      if (error !== undefined) onFailure?.(error);
    });
  }

  /** Takes no more requests, waits for those that there are, and ends every connection. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await Promise.all(Array.from(this.#connections, (connection) => connection.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function describeExport({ size, blockSize, physicalBlockSize, readOnly, capabilities }: Device, description: string) {
  const { hasFlags, canMultiConn, sendCache, sendFlush, sendFua, sendTrim, sendWriteZeroes } = TransmissionFlag;
  const always = hasFlags | canMultiConn | sendCache | sendFlush;
  const writable = sendFua | sendWriteZeroes | (capabilities.unmap === 'none' ? 0 : sendTrim);
  return {
    name: '',
    description,
    size,
    transmissionFlags: always | (readOnly ? TransmissionFlag.readOnly : writable),
    blockSize: {
      minimum: blockSize,
      preferred: Math.max(physicalBlockSize, PREFERRED_PAYLOAD),
      maximum: MAX_PAYLOAD,
    },
  };
}
