import type { Command } from 'commander';
import { DisklessError } from '../../../bytes/index.ts';
import { directorySettings, withDirectory } from '../../data-directory.ts';
import { removedText, removing } from '../../disk-removal.ts';
import { findHost, hostSetting, offSetting } from '../../host-record.ts';
import { findImage } from '../../kept-image.ts';
import { serveSettings } from '../../serve-settings.ts';
import { setting, textual } from '../../setting.ts';
import { addAction } from '../../setting-flags.ts';

const resetSettings = {
  host: hostSetting,
  over: setting({
    help: 'only the disk over this image: its digits, as "host show" has them; default: all of its disks',
    placeholder: 'identity',
    schema: textual((text) => text).optional(),
    fallback: undefined as string | undefined,
  }),
  off: offSetting,
  ...directorySettings,
};

export function registerHostReset(host: Command): void {
  const command = host
    .command('reset')
    .description('remove a machine’s disks: it starts with a fresh one at its next boot');
  addAction(command, resetSettings, { alsoIn: serveSettings }, async (settings) => {
    await withDirectory(settings.data, async (directory) => {
      const { hardwareAddress, disks } = findHost(directory, settings.host);
      const { over } = settings;
      const image = over === undefined ? undefined : findImage(directory.pool.listImages(), over).identity;
      const doomed = disks.filter(({ imageIdentity }) => image === undefined || imageIdentity === image);
      if (image !== undefined && doomed.length === 0) {
        throw new DisklessError('HOST_UNKNOWN', `${hardwareAddress} has no disk over the image ${image}`, {
          hint: '"diskless host show" lists its disks.',
        });
      }
      const removed = await removing(doomed, () => directory.pool.removeDisks(hardwareAddress, image));
      if (settings.off) directory.fleet.running.remove(hardwareAddress);
      process.stdout.write(settings.json ? `${JSON.stringify(removed)}\n` : `${removedText(removed)}\n`);
    });
  });
}
