/**
 * Sockets of the file system (AF_UNIX), as the rest of the house sees them. The real ones are `nodeLocalSockets`
 * (node-local-sockets.ts).
 */

import type { StreamConnection } from './network.ts';

export interface LocalListener extends AsyncDisposable {
  readonly path: string;
  /** Takes no more connections, and removes the socket. Those that there are go on. */
  close(): Promise<void>;
}

export interface LocalSockets {
  /**
   * Makes the socket; one that a program has left behind is replaced. Raises SOCKET_IN_USE, SOCKET_NOT_FOUND, SOCKET_FORBIDDEN,
   * SOCKET_PATH_TOO_LONG, SOCKET_FAILED.
   */
  listen(path: string, accept: (connection: StreamConnection) => void): Promise<LocalListener>;
  /** Raises SOCKET_NOT_FOUND, SOCKET_REFUSED, SOCKET_FORBIDDEN, SOCKET_PATH_TOO_LONG, SOCKET_FAILED. */
  connect(path: string): Promise<StreamConnection>;
}
