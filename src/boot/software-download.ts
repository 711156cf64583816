/** Fetches a file by TFTP or HTTP, in pieces, up to a length. */

import { DisklessError, isIpv4 } from '../bytes/index.ts';
import type { Clock, Timer } from '../os/clock.ts';
import type { HttpClient } from '../os/http-client.ts';
import type { Network } from '../os/network.ts';
import { ReadClient, type ReadClientAction } from '../tftp/read-client.ts';
import { hostOf, parseSoftwareUrl, tftpFileName } from './software-source.ts';
import type { StageTrace } from './trace.ts';

export interface DownloadContext {
  readonly network: Network;
  readonly http: HttpClient;
  readonly clock: Clock;
  /** Bytes of the longest file to take. */
  readonly longest: number;
  readonly signal: AbortSignal;
  readonly trace: StageTrace;
}

const TFTP_PORT = 69;
/** More are a loop in practice. */
const MOST_REDIRECTIONS = 5;
const redirections: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * Gives each piece to `take`, in order. Raises TFTP_..., BOOT_SOFTWARE_HTTP, BOOT_SOFTWARE_REDIRECTIONS, BOOT_SOFTWARE_TOO_LONG,
 * BOOT_SOFTWARE_URL, NETWORK_..., ABORTED.
 */
export function download(url: URL, take: (piece: Uint8Array) => void, context: DownloadContext): Promise<void> {
  return url.protocol === 'tftp:' ? byTftp(url, take, context) : byHttp(url, take, context);
}

async function byHttp(from: URL, take: (piece: Uint8Array) => void, context: DownloadContext): Promise<void> {
  const { http, signal, trace, longest } = context;
  let url = from;
  for (let hops = 0; hops <= MOST_REDIRECTIONS; hops++) {
    const { status, location, length, body } = await http.get(url, signal);
    if (status === 200) {
      if (length !== undefined && length > longest) throw await closing(body, tooLong(url, longest));
      await readBody(url, body, take, longest);
      return;
    }
    if (location === undefined || !redirections.has(status)) throw await closing(body, refused(url, status));
    await closing(body, undefined);
    url = parseSoftwareUrl(location, url);
    // What is served by a protocol that proves the server must not end at one that does not.
    if (url.protocol === 'tftp:' || (from.protocol === 'https:' && url.protocol !== 'https:')) {
      throw sentAway(from, url);
    }
    trace.step(`sent on to ${url}`);
  }
  throw new DisklessError(
    'BOOT_SOFTWARE_REDIRECTIONS',
    `${from} was redirected ${MOST_REDIRECTIONS + 1} times, last to ${url}`,
    { hint: 'The servers send the client round in a circle: check their redirections.' },
  );
}

/** Leaves a body unread, so that its connection ends, and gives `result`. */
async function closing<T>(body: AsyncIterable<Uint8Array>, result: T): Promise<T> {
  await body[Symbol.asyncIterator]().return?.();
  return result;
}

async function readBody(
  url: URL,
  body: AsyncIterable<Uint8Array>,
  take: (piece: Uint8Array) => void,
  longest: number,
): Promise<void> {
  let length = 0;
  for await (const piece of body) {
    length += piece.length;
    if (length > longest) throw tooLong(url, longest);
    take(piece);
  }
}

function refused(url: URL, status: number): DisklessError {
  return new DisklessError('BOOT_SOFTWARE_HTTP', `${url} was answered with HTTP status ${status}`, {
    hint: 'Check the path, and the log of the HTTP server.',
  });
}

function sentAway(from: URL, to: URL): DisklessError {
  return new DisklessError('BOOT_SOFTWARE_HTTP', `${from} sends the client on to ${to}, which proves less`, {
    hint: 'Let the server give the file itself, or name the other address.',
  });
}

function tooLong(url: URL, longest: number): DisklessError {
  return new DisklessError('BOOT_SOFTWARE_TOO_LONG', `${url} is longer than ${longest} bytes`, {
    hint: 'A loader or an initiator is smaller: is it the right file?',
  });
}

async function byTftp(url: URL, take: (piece: Uint8Array) => void, context: DownloadContext): Promise<void> {
  const { network, clock, signal, trace, longest } = context;
  const host = hostOf(url);
  const [address] = await network.resolve(host);
  if (address === undefined) throw new DisklessError('NETWORK_NAME_UNKNOWN', `${host} has no address`);
  await using socket = await network.openUdp({ port: 0, ...(isIpv4(address) ? {} : { address: '::' }) });
  const server = { address, port: Number(url.port) || TFTP_PORT };
  const client = new ReadClient({ server, fileName: tftpFileName(url), longest });
  const outcome = Promise.withResolvers<void>();
  let timer: Timer | undefined;
  const perform = (actions: readonly ReadClientAction[]): void => {
    for (const action of actions) {
      if (action.type === 'send') socket.send(action.data, action.to);
      else if (action.type === 'size') trace.step(`${action.size} bytes`);
      else if (action.type === 'data') take(action.data);
      else if (action.type === 'complete') outcome.resolve();
      else outcome.reject(action.error);
    }
    timer?.cancel();
    const { deadline } = client;
    if (deadline === undefined) return;
    timer = clock.after(Math.max(0, deadline - clock.monotonic()), () => perform(client.poll(clock.monotonic())));
  };
  const giveUp = (): void => outcome.reject(new DisklessError('ABORTED', `fetching ${url} was given up`));
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    if (signal.aborted) giveUp();
    socket.start({
      message: (data, from) => perform(client.receive(data, from, clock.monotonic())),
      // A request that could not be sent is lost like any other: it is sent again.
      error: (error) => trace.step(`sending failed: ${error.message}`),
    });
    perform(client.start(clock.monotonic()));
    await outcome.promise;
  } finally {
    timer?.cancel();
    signal.removeEventListener('abort', giveUp);
  }
}
