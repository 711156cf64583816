/** The real network. */

import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { listInterfaces } from './interfaces.ts';
import type { Network } from './network.ts';
import { networkError } from './node-error.ts';
import { connectTcp, listenTcp } from './node-tcp.ts';
import { openUdp } from './node-udp.ts';

export const nodeNetwork: Network = {
  listenTcp,
  connectTcp,
  openUdp,
  interfaces: listInterfaces,
  async resolve(host) {
    if (isIP(host) !== 0) return [host];
    try {
      return (await lookup(host, { all: true, order: 'ipv4first' })).map(({ address }) => address);
    } catch (error) {
      throw networkError(error as Error, 'find the address of', { address: host, port: 0 });
    }
  },
};
