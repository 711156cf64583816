import type { Command } from 'commander';
import { directorySettings, withDirectory } from '../../data-directory.ts';
import { removedText, removing } from '../../disk-removal.ts';
import { findHost, hostSetting, offSetting } from '../../host-record.ts';
import { serveSettings } from '../../serve-settings.ts';
import { addAction } from '../../setting-flags.ts';

const removeSettings = { host: hostSetting, off: offSetting, ...directorySettings };

export function registerHostRemove(host: Command): void {
  const command = host
    .command('rm')
    .description(
      'forget a machine, and remove its disks; its lease ends by itself, and it comes back as new when it boots',
    );
  addAction(command, removeSettings, { alsoIn: serveSettings }, async (settings) => {
    await withDirectory(settings.data, async (directory) => {
      const { hardwareAddress, disks } = findHost(directory, settings.host);
      // Disks first: where they are in use, nothing is forgotten.
      const removed = await removing(disks, () => directory.pool.removeDisks(hardwareAddress));
      await directory.fleet.hosts.remove(hardwareAddress);
      if (settings.off) directory.fleet.running.remove(hardwareAddress);
      const text = `${hardwareAddress} forgotten: ${removedText(removed)}`;
      process.stdout.write(settings.json ? `${JSON.stringify(removed)}\n` : `${text}\n`);
    });
  });
}
