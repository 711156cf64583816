/** A Root Path as it stands in an option, and what RFC 4173 §5 makes of it. */

import { DisklessError } from '../../bytes/index.ts';
import { parseRootPath } from '../../iscsi/root-path.ts';
import { errorRecord } from '../trace.ts';
import type { RootPathReading, SeenRootPath } from './observation.ts';

const lenient = new TextDecoder();

export function readRootPath(value: Uint8Array): SeenRootPath {
  return { text: lenient.decode(value).replace(/\0+$/, ''), length: value.length, reading: readingOf(value) };
}

function readingOf(value: Uint8Array): RootPathReading {
  try {
    const path = parseRootPath(value);
    return path === undefined ? { kind: 'other' } : { kind: 'iscsi', path };
  } catch (error) {
    if (!(error instanceof DisklessError)) throw error;
    return { kind: 'malformed', error: errorRecord(error) };
  }
}

/** The fields as they are written: an IPv6 literal keeps its brackets, the name its colons. */
export interface WrittenFields {
  readonly prefix: string;
  readonly server: string;
  readonly protocol: string;
  readonly port: string;
  readonly lun: string;
  readonly targetName: string;
}

/** `text` is one that RFC 4173 §5 allows. */
export function writtenFields(text: string): WrittenFields {
  const [, prefix = '', server = '', protocol = '', port = '', lun = '', targetName = ''] =
    /^([^:]*:)(\[[^\]]*\]|[^:]*):([^:]*):([^:]*):([^:]*):(.*)$/su.exec(text) ?? [];
  return { prefix, server, protocol, port, lun, targetName };
}
