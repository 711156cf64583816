/**
 * The file of CHAP names and secrets, without I/O:
 *
 *     # who may log in: any of these
 *     initiator  alice    a-secret-of-12-to-16-bytes
 *     # what this target proves when an initiator asks (mutual CHAP)
 *     target     disk     another-secret
 *
 * A line is one of the two words, a name and a secret, with blanks between; the secret is the rest of the line.
 */

import { DisklessError } from '../bytes/index.ts';
import type { ChapDemand, ChapSecret } from './chap.ts';

/** RFC 7143 §9.2.1: secrets under 96 bits must not be used where nothing else protects the connection. */
const MINIMUM_SECRET_LENGTH = 12;

/** `path` is for the messages. Raises CHAP_FILE_INVALID; no message shows a secret. */
export function parseChapFile(text: string, path: string): ChapDemand {
  const initiators: ChapSecret[] = [];
  let target: ChapSecret | undefined;
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const place = `${path} line ${index + 1}`;
    const [, side, name, secret] = /^(initiator|target)\s+(\S+)\s+(\S.*)$/.exec(line) ?? [];
    if (name === undefined || secret === undefined) throw invalid(`${place} is not "initiator|target NAME SECRET"`);
    const entry: ChapSecret = { name, secret: Buffer.from(secret) };
    if (entry.secret.length < MINIMUM_SECRET_LENGTH) {
      throw invalid(`${place}: the secret of ${name} is shorter than ${MINIMUM_SECRET_LENGTH} bytes`);
    }
    if (side === 'initiator') {
      if (initiators.some((other) => other.name === name)) throw invalid(`${place}: ${name} is there already`);
      initiators.push(entry);
    } else if (target === undefined) {
      target = entry;
    } else {
      throw invalid(`${place}: a target has one secret`);
    }
  }
  if (initiators.length === 0) throw invalid(`${path} names no initiator`);
  const own = target;
  // RFC 7143 §9.2.1: the same secret both ways lets one side's answer pass for the other's.
  if (own !== undefined && initiators.some(({ secret }) => Buffer.compare(secret, own.secret) === 0)) {
    throw invalid(`${path} has the same secret for the target and an initiator`);
  }
  return own === undefined ? { initiators } : { initiators, target: own };
}

function invalid(message: string): DisklessError {
  return new DisklessError('CHAP_FILE_INVALID', message, {
    hint: 'Write lines such as "initiator alice correct-horse-battery", and "target disk another-secret" for mutual CHAP.',
  });
}
