/** Quantities as people write them: sizes such as `10G`, durations such as `12h`, and an address with a port. */

import { DisklessError } from '../bytes/index.ts';

const binaryUnit: Readonly<Record<string, number>> = {
  '': 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
};

/** Bytes from `4096`, `512M`, `10G`, `1.5T`; the units are powers of 1024, either case. Raises USAGE_SIZE_INVALID. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text.trim());
  const bytes =
    match === null ? Number.NaN : Number(match[1]) * (binaryUnit[(match[2] ?? '').toLowerCase()] ?? Number.NaN);
  if (Number.isSafeInteger(Math.round(bytes))) return Math.round(bytes);
  throw new DisklessError('USAGE_SIZE_INVALID', `"${text}" is not a size`, {
    hint: 'Write a number with K, M, G or T, such as 512M.',
  });
}

const unitSeconds: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400 };

/** Seconds from `90`, `90s`, `30m`, `12h`, `7d`. Raises USAGE_DURATION_INVALID. */
export function parseDuration(text: string): number {
  const match = /^(\d{1,9})\s*([smhd]?)$/i.exec(text.trim());
  const unit = unitSeconds[(match?.[2] ?? '').toLowerCase()];
  if (match !== null && unit !== undefined) return Number(match[1]) * unit;
  throw new DisklessError('USAGE_DURATION_INVALID', `"${text}" is not a duration`, {
    hint: 'Write a number with s, m, h or d, such as 12h.',
  });
}
