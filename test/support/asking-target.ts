/**
 * A target that asks all of its initiators for a logout whenever it gets SIGUSR2, which `diskless target` does for nobody.
 *
 *     node asking-target.ts FILE NAME ADDRESS:PORT SECONDS
 */

import { openFileDevice } from '../../src/block/file-device.ts';
import { nodeFileSystem } from '../../src/os/node-file-system.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';
import { openDirectory } from '../../src/target/directory.ts';
import { Portal } from '../../src/target/portal.ts';
import { Target } from '../../src/target/target.ts';

const [file = '', name = '', listen = '', seconds = ''] = process.argv.slice(2);
const [address = '', port = ''] = listen.split(':');
const device = openFileDevice(nodeFileSystem, file);
const target = new Target({ name, units: new Map([[0, device]]) });
const endpoint = { address, port: Number(port) };
const portal = await Portal.open({ network: nodeNetwork, directory: openDirectory([target]), endpoint });
process.on('SIGUSR2', () => void target.requestLogout(Number(seconds)));
process.once('SIGTERM', async () => {
  await portal.close();
  await device.close();
  process.exit(0);
});
process.stderr.write(`${name} is at ${listen}\n`);
