/** Requests to the kernel by `ioctl`, about network interfaces and what is behind them. */

import { calls, errorName } from './c-library.ts';
import { AF_INET, SOCK_CLOEXEC, SOCK_DGRAM } from './socket.ts';

/** `argument` is what the kernel reads, and where it writes its answer. */
export interface IoctlRequest {
  readonly number: number;
  readonly argument: Uint8Array;
}

/** Makes requests one after the other; gives of each the name of its error, undefined where it went well. Raises OS_CALLS_UNAVAILABLE. */
export function ioctl(...requests: readonly IoctlRequest[]): (string | undefined)[] {
  const c = calls();
  const fd = c.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    const name = errorName(c);
    return requests.map(() => name);
  }
  try {
    return requests.map(({ number, argument }) => (c.ioctl(fd, number, argument) < 0 ? errorName(c) : undefined));
  } finally {
    c.close(fd);
  }
}

/** The name of an interface as requests have it: 16 bytes with the NUL at its end. */
export function nameBytes(interfaceName: string): Uint8Array {
  return new TextEncoder().encode(interfaceName).subarray(0, 15);
}
