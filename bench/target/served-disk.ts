/**
 * What `diskless serve` puts behind a login: a machine's own copy-on-write disk over a cached image, as LUN 1.
 *
 *     node served-disk.ts IMAGE DATA-DIRECTORY TARGET-NAME ADDRESS:PORT
 */

import { pollBusily } from '../../src/os/busy-polling.ts';
import { inlineFurther } from '../../src/os/inlining.ts';
import { nodeFileSystem } from '../../src/os/node-file-system.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';
import { keepObjectLayouts } from '../../src/os/object-layouts.ts';
import { runProcess } from '../../src/os/process.ts';
import { collectShortLivedMemory } from '../../src/os/short-lived-memory.ts';
import { LocalPool } from '../../src/pool/local.ts';
import { openDirectory } from '../../src/target/directory.ts';
import { Portal } from '../../src/target/portal.ts';
import { Target } from '../../src/target/target.ts';

keepObjectLayouts();
inlineFurther();
collectShortLivedMemory();
pollBusily();
const [path = '', directory = '', name = '', listen = ''] = process.argv.slice(2);
const [address = '', port = ''] = listen.split(':');
const pool = new LocalPool({ directory, fileSystem: nodeFileSystem, run: runProcess });
const image = await pool.openImage(path);
const disk = await pool.openDisk({ host: 'bench', image });
const targets = openDirectory([new Target({ name, units: new Map([[1, disk]]) })]);
const portal = await Portal.open({
  network: nodeNetwork,
  directory: targets,
  endpoint: { address, port: Number(port) },
});
process.stderr.write('ready\n');
// Run with --expose-gc: what is garbage must not count as memory in use.
process.on('SIGUSR2', () => {
  globalThis.gc?.();
  process.stderr.write('collected\n');
});
process.once('SIGTERM', async () => {
  await portal.close();
  await disk.close();
  await pool.close();
});
