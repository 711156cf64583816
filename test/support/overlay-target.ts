/**
 * A target whose one unit is a copy-on-write disk over an image, for who proves to be in a CHAP file. All files of the disk are in
 * one folder.
 *
 *     node overlay-target.ts FOLDER CHAP-FILE NAME ADDRESS:PORT
 */

import { join } from 'node:path';
import { openFileDevice } from '../../src/block/file-device.ts';
import { openOverlay } from '../../src/block/overlay.ts';
import { readChapFile } from '../../src/cli/chap-secrets.ts';
import type { FileSystem } from '../../src/os/file.ts';
import { nodeFileSystem } from '../../src/os/node-file-system.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';
import { AccessList } from '../../src/target/access.ts';
import { Portal } from '../../src/target/portal.ts';
import { Target } from '../../src/target/target.ts';

const imageIdentity = new Uint8Array(32).fill(7);

/** The image that the disk in a folder is made over. */
export function imageIn(folder: string): string {
  return join(folder, 'image');
}

/** The disk in a folder, made when there is only its image. Disposal of the stack closes it. */
export async function openOverlayIn(opened: AsyncDisposableStack, fileSystem: FileSystem, folder: string) {
  const image = openFileDevice(fileSystem, imageIn(folder), { readOnly: true });
  opened.defer(() => image.close());
  const paths = { data: join(folder, 'data'), map: join(folder, 'map'), live: join(folder, 'live') };
  const disk = await openOverlay(fileSystem, paths, image, imageIdentity);
  opened.defer(() => disk.close());
  return disk;
}

async function serve(folder: string, chapFile: string, name: string, listen: string): Promise<void> {
  const [address = '', port = ''] = listen.split(':');
  const opened = new AsyncDisposableStack();
  const disk = await openOverlayIn(opened, nodeFileSystem, folder);
  const target = new Target({ name, units: new Map([[0, disk]]) });
  opened.defer(() => target.close());
  const authentication = await readChapFile(nodeFileSystem, chapFile);
  const directory = new AccessList([{ target, authentication }]);
  const endpoint = { address, port: Number(port) };
  opened.use(await Portal.open({ network: nodeNetwork, directory, endpoint }));
  process.once('SIGTERM', () => void opened.disposeAsync().then(() => process.exit(0)));
  process.stderr.write(`${name} is at ${listen}\n`);
}

if (import.meta.main) {
  const [folder = '', chapFile = '', name = '', listen = ''] = process.argv.slice(2);
  await serve(folder, chapFile, name, listen);
}
