/** A request of SLP over a connection of its own (RFC 2608 §6.2): for what does not fit into a datagram. */

import { DisklessError } from '../bytes/index.ts';
import type { Clock } from '../os/clock.ts';
import type { Endpoint, Network, TcpConnection } from '../os/network.ts';
import { MessageStream } from '../slp/message-stream.ts';

export interface SlpTcpRequest {
  readonly network: Network;
  readonly clock: Clock;
  readonly to: Endpoint;
  readonly request: Uint8Array;
  /** Milliseconds for the connection and the answer together. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

/** Bytes of an answer: ten thousand URLs and more. */
const LONGEST_ANSWER = 4 << 20;

/** The first message that comes back. Raises NETWORK_…, SLP_MESSAGE_TOO_LONG, SLP_MESSAGE_INVALID, SLP_NO_ANSWER, and the reason of `signal`. */
export async function requestByTcp(asked: SlpTcpRequest): Promise<Uint8Array> {
  const { network, clock, to, request, timeout, signal } = asked;
  signal.throwIfAborted();
  const end = clock.monotonic() + timeout;
  const connection = await network.connectTcp(to, { timeout, signal });
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  const left = Math.max(0, end - clock.monotonic());
  const timer = clock.after(left, () => reject(noAnswer(to, `does not answer within ${timeout / 1000} s`)));
  try {
    start(connection, to, resolve, reject);
    connection.write(request);
    return await promise;
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', abort);
    connection.destroy();
  }
}

function start(
  connection: TcpConnection,
  to: Endpoint,
  resolve: (message: Uint8Array) => void,
  reject: (error: unknown) => void,
): void {
  const stream = new MessageStream(LONGEST_ANSWER);
  connection.start({
    data(chunk) {
      try {
        stream.push(chunk);
        const message = stream.next();
        if (message !== undefined) resolve(message);
      } catch (error) {
        reject(error);
      }
    },
    drain() {},
    closed: (error) => reject(error ?? noAnswer(to, 'ended the connection without an answer')),
  });
}

function noAnswer({ address, port }: Endpoint, what: string): DisklessError {
  return new DisklessError('SLP_NO_ANSWER', `${address} port ${port} ${what}`, {
    hint: 'Is it an agent of SLPv2?',
  });
}
