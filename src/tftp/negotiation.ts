/** Which options of a read request are granted: blksize (RFC 2348), timeout and tsize (RFC 2349), windowsize (RFC 7440). */

import type { TftpOptions } from './packet.ts';

export interface TransferParameters {
  /** Bytes of file in a full DATA packet. */
  readonly blockSize: number;
  /** Blocks sent before an ACK is awaited. */
  readonly windowSize: number;
  /** Milliseconds until something is sent again; undefined when the client leaves it to the server. */
  readonly timeout: number | undefined;
  /** What the OACK says; empty when nothing was asked or granted, and then there is no OACK. */
  readonly granted: TftpOptions;
}

export const defaultBlockSize = 512;
const smallestBlockSize = 8;
const largestBlockSize = 65_464;
const largestWindowSize = 64;
/** Bytes that leave at once and may wait in a socket. RFC 7440 §3 lets the server grant less than was asked. */
const largestWindowBytes = 1 << 18;

/** A decimal number within `least` and `most`; larger ones come down to `ceiling`, anything else is undefined. */
function numberOption(text: string | undefined, least: number, most: number, ceiling = most): number | undefined {
  if (text === undefined || !/^[0-9]{1,10}$/.test(text)) return undefined;
  const value = Number(text);
  if (value < least || value > most) return undefined;
  return Math.min(value, ceiling);
}

/** `size` is undefined when it is not known beforehand: netascii changes it. What is malformed or unknown is not granted (RFC 2347). */
export function grantOptions(requested: TftpOptions, size: number | undefined): TransferParameters {
  const blockSize = numberOption(requested.get('blksize'), smallestBlockSize, 0xffff, largestBlockSize);
  const seconds = numberOption(requested.get('timeout'), 1, 255);
  const windowLimit = Math.max(1, Math.floor(largestWindowBytes / (blockSize ?? defaultBlockSize)));
  const windowSize = numberOption(requested.get('windowsize'), 1, 0xffff, Math.min(largestWindowSize, windowLimit));
  const granted = new Map<string, string>();
  for (const name of requested.keys()) {
    if (name === 'blksize' && blockSize !== undefined) granted.set(name, String(blockSize));
    if (name === 'timeout' && seconds !== undefined) granted.set(name, String(seconds));
    if (name === 'windowsize' && windowSize !== undefined) granted.set(name, String(windowSize));
    if (name === 'tsize' && size !== undefined) granted.set(name, String(size));
  }
  return {
    blockSize: blockSize ?? defaultBlockSize,
    windowSize: windowSize ?? 1,
    timeout: seconds === undefined ? undefined : seconds * 1000,
    granted,
  };
}
