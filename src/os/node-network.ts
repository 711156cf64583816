/** The real network. */

import { lookup, Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import { DisklessError } from '../bytes/index.ts';
import { listInterfaces } from './interfaces.ts';
import { relayToNameServer } from './name-server-relay.ts';
import type { Network } from './network.ts';
import { networkError } from './node-error.ts';
import { connectTcp, listenTcp } from './node-tcp.ts';
import { openUdp } from './node-udp.ts';

export const nodeNetwork: Network = {
  listenTcp,
  connectTcp,
  openUdp,
  interfaces: listInterfaces,
  async resolve(host, nameServers) {
    if (isIP(host) !== 0) return [host];
    try {
      if (nameServers !== undefined) return await ask(nameServers, host);
      return (await lookup(host, { all: true, order: 'ipv4first' })).map(({ address }) => address);
    } catch (error) {
      throw networkError(error as Error, 'find the address of', { address: host, port: 0 });
    }
  },
};

/** Milliseconds that a name server is given for its first answer; after it each is asked once more, for twice as long. */
const patience = 2000;

const DNS_PORT = 53;

async function ask(nameServers: readonly string[], host: string): Promise<string[]> {
  using relays = new DisposableStack();
  const resolver = new Resolver({ timeout: patience, tries: 2 });
  resolver.setServers(await askable(nameServers, relays));
  const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
  const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  if (addresses.length > 0) return addresses;
  const [reason] = answers.flatMap((answer) => (answer.status === 'rejected' ? [String(answer.reason.code)] : []));
  const what = `cannot find the address of ${host}: ${nameServers.join(', ')} said ${reason ?? 'that it has none'}`;
  throw new DisklessError('NETWORK_NAME_UNKNOWN', what, {
    hint: 'Check the name and the name server, or give the address.',
  });
}

/** With a relay for each that has a zone. One that cannot be reached is left out where there are others. */
async function askable(nameServers: readonly string[], relays: DisposableStack): Promise<string[]> {
  const relayed = nameServers.map(async (address) => {
    if (!address.includes('%')) return address;
    return relays.use(await relayToNameServer({ address, port: DNS_PORT })).address;
  });
  const outcomes = await Promise.allSettled(relayed);
  const reachable = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  return reachable.length > 0 ? reachable : Promise.all(relayed);
}
