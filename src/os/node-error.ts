/** Node's socket errors as this project's: what was tried, with what, and what to do. */

import { DisklessError } from '../bytes/index.ts';
import type { Endpoint } from './network.ts';

const causes: Record<string, { code: string; hint: string }> = {
  EADDRINUSE: {
    code: 'NETWORK_PORT_IN_USE',
    hint: 'Another program has the port: end it, or choose another port ("ss -lntup" shows whose it is).',
  },
  EACCES: {
    code: 'NETWORK_PORT_FORBIDDEN',
    hint: 'Ports below 1024 need root or CAP_NET_BIND_SERVICE.',
  },
  EPERM: { code: 'NETWORK_PORT_FORBIDDEN', hint: 'Run as root, or grant the capability.' },
  EADDRNOTAVAIL: {
    code: 'NETWORK_ADDRESS_UNKNOWN',
    hint: 'No interface of this machine has that address ("ip address" lists them).',
  },
  ECONNREFUSED: { code: 'NETWORK_REFUSED', hint: 'The machine is there but nothing listens on that port.' },
  ECONNRESET: { code: 'NETWORK_RESET', hint: 'The other side ended the connection.' },
  EPIPE: { code: 'NETWORK_RESET', hint: 'The other side ended the connection.' },
  ETIMEDOUT: { code: 'NETWORK_TIMEOUT', hint: 'Is the machine on and the cable in?' },
  EHOSTUNREACH: { code: 'NETWORK_UNREACHABLE', hint: 'No machine answers at that address.' },
  ENETUNREACH: { code: 'NETWORK_UNREACHABLE', hint: 'This machine has no route there ("ip route").' },
  ENOTFOUND: { code: 'NETWORK_NAME_UNKNOWN', hint: 'Check the name, or give the address.' },
  EAI_AGAIN: { code: 'NETWORK_NAME_UNKNOWN', hint: 'No name server answered: give the address.' },
};

export function networkError(error: Error & { code?: string }, tried: string, endpoint: Endpoint): DisklessError {
  if (error instanceof DisklessError) return error;
  const known = causes[error.code ?? ''];
  const message = `cannot ${tried} ${endpoint.address} port ${endpoint.port}: ${error.code ?? error.message}`;
  if (known === undefined) return new DisklessError('NETWORK_SOCKET_FAILED', message, { cause: error });
  return new DisklessError(known.code, message, { cause: error, hint: known.hint });
}
