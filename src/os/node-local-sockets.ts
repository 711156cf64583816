/** Sockets of the file system over node:net. */

import { lstatSync, unlinkSync } from 'node:fs';
import { createServer, connect as netConnect, type Server, type Socket } from 'node:net';
import { DisklessError } from '../bytes/index.ts';
import type { LocalListener, LocalSockets } from './local-sockets.ts';
import type { StreamConnection } from './network.ts';
import { HIGH_WATER_MARK, NodeStream } from './node-stream.ts';

/** Bytes: what `sun_path` holds with the NUL that ends it. libuv would cut a longer one short. */
const MAX_PATH = 107;

const causes: Record<string, { code: string; hint: string }> = {
  EADDRINUSE: { code: 'SOCKET_IN_USE', hint: 'Another program serves there, or something else has that name.' },
  ENOENT: { code: 'SOCKET_NOT_FOUND', hint: 'Check the path: its directory must be there.' },
  ENOTDIR: { code: 'SOCKET_NOT_FOUND', hint: 'Check the path: a part of it is no directory.' },
  EACCES: { code: 'SOCKET_FORBIDDEN', hint: 'Check who may use the path.' },
  EROFS: { code: 'SOCKET_FORBIDDEN', hint: 'That file system is read-only.' },
  EPIPE: { code: 'SOCKET_RESET', hint: 'The other side ended the connection.' },
  ECONNRESET: { code: 'SOCKET_RESET', hint: 'The other side ended the connection.' },
  ECONNREFUSED: { code: 'SOCKET_REFUSED', hint: 'Nobody serves there any more: start that program again.' },
};

function socketError(error: Error & { code?: string }, tried: string, path: string): DisklessError {
  if (error instanceof DisklessError) return error;
  const { code, hint } = causes[error.code ?? ''] ?? { code: 'SOCKET_FAILED' };
  return new DisklessError(code, `cannot ${tried} ${path}: ${error.code ?? error.message}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}

function checkLength(path: string): void {
  if (Buffer.byteLength(path) <= MAX_PATH) return;
  throw new DisklessError('SOCKET_PATH_TOO_LONG', `${path} is too long for a socket`, {
    hint: `The kernel takes ${MAX_PATH} bytes: choose a shorter path.`,
  });
}

function streamOf(socket: Socket, path: string): NodeStream {
  return new NodeStream(socket, (error) => socketError(error, 'keep the connection to', path));
}

async function connect(path: string): Promise<StreamConnection> {
  checkLength(path);
  const { promise, resolve, reject } = Promise.withResolvers<StreamConnection>();
  const socket = netConnect({ path });
  const refuse = (error: Error): void => reject(socketError(error, 'connect to', path));
  socket.once('error', refuse);
  socket.once('connect', () => {
    const stream = streamOf(socket, path);
    socket.off('error', refuse);
    resolve(stream);
  });
  return promise;
}

async function listen(path: string, accept: (connection: StreamConnection) => void): Promise<LocalListener> {
  checkLength(path);
  await removeAbandoned(path);
  const server = createServer({ pauseOnConnect: true, highWaterMark: HIGH_WATER_MARK }, (socket) =>
    accept(streamOf(socket, path)),
  );
  await listening(server, path);
  // libuv removes the socket when it closes it, at once. Node's own word of it comes when the last connection is over.
  const close = async (): Promise<void> => void server.close();
  return { path, close, [Symbol.asyncDispose]: close };
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(socketError(error, 'listen at', path)));
    server.listen({ path }, resolve);
  });
}

/** A socket that nobody answers at was left by a program that was killed. Nothing but a socket is ever removed. */
async function removeAbandoned(path: string): Promise<void> {
  if (!isSocket(path)) return;
  try {
    (await connect(path)).destroy();
  } catch (error) {
    if (error instanceof DisklessError && error.code === 'SOCKET_REFUSED') unlinkSync(path);
  }
}

function isSocket(path: string): boolean {
  try {
    return lstatSync(path).isSocket();
  } catch {
    // Listening there says what is wrong.
    return false;
  }
}

export const nodeLocalSockets: LocalSockets = { listen, connect };
