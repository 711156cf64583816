/**
 * A target with a unit that `diskless target` has no flags for: blocks of 512 bytes that are physical ones too (512n); with `slow`, so
 * slow to overwrite that a SANITIZE can be watched at its work; with `no-dpo-fua`, without support of DPO and FUA.
 *
 *     node unit-program.ts FILE NAME ADDRESS:PORT [slow] [no-dpo-fua]
 */

import { setTimeout } from 'node:timers/promises';
import type { Device, WriteOptions } from '../../../src/block/device.ts';
import { openFileDevice } from '../../../src/block/file-device.ts';
import { nodeFileSystem } from '../../../src/os/node-file-system.ts';
import { nodeNetwork } from '../../../src/os/node-network.ts';
import { openDirectory } from '../../../src/target/directory.ts';
import { Portal } from '../../../src/target/portal.ts';
import { Target } from '../../../src/target/target.ts';

/** Seconds that overwriting the whole unit takes: Sanitize.Reset looks 3 s after its start, and again after a reset and 1 s more. */
const OVERWRITE_SECONDS = 8;

/** Slows writes of a mebibyte and more down; the tests' own writes are smaller. */
function slowly(device: Device): Device {
  const pause = (length: number): Promise<void> => setTimeout(((OVERWRITE_SECONDS * 1000) / device.size) * length);
  const isLong = (length: number): boolean => length >= 1 << 20;
  return {
    size: device.size,
    blockSize: device.blockSize,
    physicalBlockSize: device.physicalBlockSize,
    readOnly: device.readOnly,
    capabilities: device.capabilities,
    read: (offset, length) => device.read(offset, length),
    flush: () => device.flush(),
    unmap: (offset, length) => device.unmap(offset, length),
    extents: (offset, length) => device.extents(offset, length),
    close: () => device.close(),
    async write(offset: number, data: readonly Uint8Array[], options?: WriteOptions) {
      const length = data.reduce((sum, part) => sum + part.length, 0);
      if (isLong(length)) await pause(length);
      await device.write(offset, data, options);
    },
    async writeZeroes(offset, length, options) {
      if (isLong(length)) await pause(length);
      await device.writeZeroes(offset, length, options);
    },
  };
}

const [file = '', name = '', listen = '', ...traits] = process.argv.slice(2);
const [address = '', port = ''] = listen.split(':');
const device = openFileDevice(nodeFileSystem, file, { physicalBlockSize: 512 });
const units = new Map([[0, traits.includes('slow') ? slowly(device) : device]]);
const features = new Map([[0, { dpoFua: !traits.includes('no-dpo-fua') }]]);
const directory = openDirectory([new Target({ name, units, features })]);
const portal = await Portal.open({ network: nodeNetwork, directory, endpoint: { address, port: Number(port) } });
process.stderr.write(`${name} is at ${listen}\n`);
process.once('SIGTERM', async () => {
  await portal.close();
  await device.close();
});
