/** Where datagrams of SLP come from and go to. */

export interface SlpEndpoint {
  /** An IPv4 or IPv6 literal without brackets. */
  readonly address: string;
  readonly port: number;
}

export interface SlpDatagram {
  readonly data: Uint8Array;
  readonly to: SlpEndpoint;
}
