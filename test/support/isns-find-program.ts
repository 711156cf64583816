/**
 * Looks for targets by iSNS, wherever it is started, and writes what it finds as JSON.
 *
 *     node isns-find-program.ts SERVER INITIATOR [TARGET]
 */

import { findByIsns } from '../../src/boot/isns-discovery.ts';
import { systemClock } from '../../src/os/clock.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';

const [address = '', initiatorName = '', targetName] = process.argv.slice(2);
const found = await findByIsns({
  network: nodeNetwork,
  clock: systemClock,
  server: { address, port: 3205 },
  initiatorName,
  ...(targetName === undefined ? {} : { targetName }),
  timeout: 10_000,
});
process.stdout.write(JSON.stringify(found));
