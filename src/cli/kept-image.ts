/** An image as the pool keeps it, and how a command line names one. */

import { DisklessError } from '../bytes/index.ts';
import type { ImageSummary } from '../pool/pool.ts';
import { setting, textual } from './setting.ts';

/** The image that a command is about. */
export const identitySetting = setting({
  help: 'an image: the first digits of its identity, as "image list" has them',
  placeholder: 'identity',
  isArgument: true,
  schema: textual((text) => text).optional(),
  fallback: undefined as string | undefined,
});

/** Raises USAGE_IMAGE_NOT_NAMED, IMAGE_UNKNOWN. */
export function findImage(images: readonly ImageSummary[], text: string | undefined): ImageSummary {
  if (text === undefined || text === '') {
    throw new DisklessError('USAGE_IMAGE_NOT_NAMED', 'no image was named', {
      hint: 'Give the first digits of one that "diskless image list" shows.',
    });
  }
  const [found, another] = images.filter(({ identity }) => identity.startsWith(text.toLowerCase()));
  if (found !== undefined && another === undefined) return found;
  const what = found === undefined ? 'nothing is kept of an image' : 'several images begin with';
  throw new DisklessError('IMAGE_UNKNOWN', `${what} ${text}`, { hint: '"diskless image list" shows those there are.' });
}

/** `current`: a file still has this content. `former`: none is known that does. */
export function stateOf({ sources }: ImageSummary): 'current' | 'former' {
  return sources.some(({ isCurrent }) => isCurrent) ? 'current' : 'former';
}

/** Bytes; 0 when nothing tells any more. */
export function sizeOf({ sources, converted, disks }: ImageSummary): number {
  return converted?.size ?? disks[0]?.size ?? sources[0]?.size ?? 0;
}
