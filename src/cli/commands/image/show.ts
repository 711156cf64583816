import type { Command } from 'commander';
import { sizeText } from '../../../bytes/index.ts';
import type { ImageSummary } from '../../../pool/pool.ts';
import { directorySettings, withDirectory } from '../../data-directory.ts';
import { findImage, identitySetting, sizeOf, stateOf } from '../../kept-image.ts';
import { serveSettings } from '../../serve-settings.ts';
import { addAction } from '../../setting-flags.ts';
import { tableLines } from '../../table.ts';

const showSettings = { identity: identitySetting, ...directorySettings };

export function registerImageShow(image: Command): void {
  const command = image
    .command('show')
    .description('show an image: where it is from, what is kept of it, whose disks are over it');
  addAction(command, showSettings, { alsoIn: serveSettings }, async (settings) => {
    await withDirectory(settings.data, async ({ pool }) => {
      const found = findImage(pool.listImages(), settings.identity);
      const text = settings.json
        ? JSON.stringify({ ...found, state: stateOf(found) }, undefined, 2)
        : imageLines(found).join('\n');
      process.stdout.write(`${text}\n`);
    });
  });
}

function imageLines(image: ImageSummary): string[] {
  const { identity, sources, converted, disks } = image;
  const rows = [
    ['identity', identity],
    ['state', stateOf(image)],
    ['size', sizeText(sizeOf(image))],
    ...sources.map(({ path, isCurrent }) => ['from', isCurrent ? path : `${path} (changed or gone since)`]),
    ...(converted === undefined ? [] : [['converted to', `${converted.path} (${sizeText(converted.allocated)})`]]),
  ];
  const disksOf = disks.map(({ host, allocated }) => [`  ${host}`, `${sizeText(allocated)} taken`]);
  return [
    ...tableLines(rows),
    ...(disks.length === 0 ? ['', 'no disk over it'] : ['', 'disks', ...tableLines(disksOf)]),
  ];
}
