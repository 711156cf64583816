import type { Command } from 'commander';
import { sizeText } from '../../../bytes/index.ts';
import type { ImageSummary } from '../../../pool/pool.ts';
import { directorySettings, withDirectory } from '../../data-directory.ts';
import { allocatedBy } from '../../host-record.ts';
import { sizeOf, stateOf } from '../../kept-image.ts';
import { serveSettings } from '../../serve-settings.ts';
import { addAction } from '../../setting-flags.ts';
import { tableLines } from '../../table.ts';

export function registerImageList(image: Command): void {
  const command = image
    .command('list')
    .description('list the images, current and former, with the disks over them and what they take');
  addAction(command, directorySettings, { alsoIn: serveSettings }, async ({ data, json }) => {
    await withDirectory(data, async ({ pool }) => {
      const images = pool.listImages();
      if (json) process.stdout.write(`${JSON.stringify({ images: images.map(recordOf) }, undefined, 2)}\n`);
      else for (const line of imageLines(images)) process.stdout.write(`${line}\n`);
    });
  });
}

function recordOf(image: ImageSummary) {
  return { ...image, state: stateOf(image) };
}

function imageLines(images: readonly ImageSummary[]): string[] {
  const rows = images.map((image) => [
    image.identity,
    stateOf(image),
    sizeText(sizeOf(image)),
    image.converted === undefined ? '-' : sizeText(image.converted.allocated),
    String(image.disks.length),
    sizeText(allocatedBy(image.disks)),
    image.sources.map(({ path }) => path).join(', ') || '-',
  ]);
  return tableLines([['identity', 'state', 'size', 'converted', 'disks', 'taken', 'from'], ...rows]);
}
