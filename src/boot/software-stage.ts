/**
 * The software stage (RFC 4173 §4): fetches a loader or an initiator as a client without one would, and says what came. This program
 * is an initiator itself and runs nothing of what it fetches.
 */

import { createHash } from 'node:crypto';
import { DisklessError } from '../bytes/index.ts';
import { type DownloadContext, download } from './software-download.ts';
import { within } from './time-limit.ts';
import type { Facts, StageTrace } from './trace.ts';

export interface SoftwareStageOptions extends Omit<DownloadContext, 'longest' | 'trace'> {
  readonly url: URL;
  /** The SHA-256 that it must have, in lower-case hexadecimal. */
  readonly digest: string | undefined;
  /** Milliseconds for all of it. */
  readonly timeout: number;
}

export interface FetchedSoftware {
  readonly url: URL;
  /** Bytes. */
  readonly length: number;
  /** In hexadecimal. */
  readonly sha256: string;
  /** Whether a digest was given, which it then has. */
  readonly verified: boolean;
}

/** Bytes; a kernel with its initramfs has less. */
const LONGEST = 256 << 20;

/** Raises BOOT_SOFTWARE_DIGEST, BOOT_SOFTWARE_EMPTY, BOOT_SOFTWARE_TIMEOUT, and what `download` raises. */
export async function runSoftwareStage(options: SoftwareStageOptions, trace: StageTrace): Promise<FetchedSoftware> {
  const { url, digest, clock, timeout, signal } = options;
  const hash = createHash('sha256');
  let length = 0;
  const take = (piece: Uint8Array): void => {
    hash.update(piece);
    length += piece.length;
  };
  const late = () =>
    new DisklessError(
      'BOOT_SOFTWARE_TIMEOUT',
      `${url} was not there in ${(timeout / 1000).toFixed(0)} s (${length} bytes came)`,
      {
        hint: 'Look at the server and the way to it; --timeout gives it longer.',
      },
    );
  await within(clock, timeout, signal, late, (limited) =>
    download(url, take, { ...options, longest: LONGEST, signal: limited, trace }),
  );
  const sha256 = hash.digest('hex');
  if (length === 0) {
    throw new DisklessError('BOOT_SOFTWARE_EMPTY', `${url} is empty`, { hint: 'Put the file there again.' });
  }
  if (digest !== undefined && digest !== sha256) {
    throw new DisklessError('BOOT_SOFTWARE_DIGEST', `${url} has the SHA-256 ${sha256}, and ${digest} was wanted`, {
      hint: 'It is not the file that the digest was made of: do not run it before you know why.',
    });
  }
  return { url, length, sha256, verified: digest !== undefined };
}

export function describeSoftware({ url, length, sha256, verified }: FetchedSoftware): { text: string; facts: Facts } {
  return {
    text: `${length} bytes, SHA-256 ${sha256}${verified ? ', as it was wanted' : ''}`,
    facts: { url: url.href, length, sha256, verified },
  };
}

/** 64 hexadecimal digits. Raises USAGE_VALUE_INVALID. */
export function parseSoftwareDigest(text: string): string {
  if (/^[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
  throw new DisklessError('USAGE_VALUE_INVALID', `"${text}" is not a SHA-256`, {
    hint: 'Write the 64 hexadecimal digits that sha256sum prints.',
  });
}
