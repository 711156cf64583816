/** Where datagrams of SLP come from and go to. */

import { addressWithoutZone } from '../bytes/index.ts';

export interface SlpEndpoint {
  /** An IPv4 or IPv6 literal without brackets. */
  readonly address: string;
  readonly port: number;
}

export interface SlpDatagram {
  readonly data: Uint8Array;
  readonly to: SlpEndpoint;
}

/** Link-local senders come with the interface behind their address, and are known by the address alone. */
export function withoutZone({ address, port }: SlpEndpoint): SlpEndpoint {
  return { address: addressWithoutZone(address), port };
}
