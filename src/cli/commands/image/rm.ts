import type { Command } from 'commander';
import { sizeText } from '../../../bytes/index.ts';
import { directorySettings, withDirectory } from '../../data-directory.ts';
import { removing } from '../../disk-removal.ts';
import { findImage, identitySetting } from '../../kept-image.ts';
import { serveSettings } from '../../serve-settings.ts';
import { onOrOff, setting } from '../../setting.ts';
import { addAction } from '../../setting-flags.ts';

const removeSettings = {
  identity: identitySetting,
  disks: setting({
    help: 'remove the disks over it as well: what the machines wrote to them is LOST',
    schema: onOrOff,
    fallback: false,
  }),
  ...directorySettings,
};

export function registerImageRemove(image: Command): void {
  const command = image
    .command('rm')
    .description('remove what is kept of an image, never the file that it is from; disks over it stay in the way');
  addAction(command, removeSettings, { alsoIn: serveSettings }, async (settings) => {
    await withDirectory(settings.data, async ({ pool }) => {
      const found = findImage(pool.listImages(), settings.identity);
      const removed = await removing(found.disks, () =>
        pool.removeImage(found.identity, { withDisks: settings.disks }),
      );
      const total = { ...removed, freed: removed.freed + (found.converted?.allocated ?? 0) };
      const text = `image ${found.identity} removed, ${sizeText(total.freed)} freed`;
      process.stdout.write(settings.json ? `${JSON.stringify(total)}\n` : `${text}\n`);
    });
  });
}
