/** The Root Path and what else is text in DHCP, given damaged and assembled texts. */

import { isDeepStrictEqual } from 'node:util';
import { emulexInitiatorName, emulexRootPath, parseEmulexBootString } from '../../src/boot/emulex-boot-string.ts';
import { formatRootPath, parseRootPath } from '../../src/iscsi/root-path.ts';
import { parseByteRange } from '../../src/server/byte-range.ts';
import { fileResponse } from '../../src/server/file-response.ts';
import { loaderOf } from '../../src/server/loaders.ts';
import type { Random } from '../support/random.ts';
import { damaged } from './random/bytes.ts';

const paths = [
  'iscsi:192.0.2.1::::iqn.2001-04.com.example:disk',
  'iscsi:[2001:db8::5]:6:3260:4752-3A4F-6b7e-2F99:iqn.2001-04.com.example:a:b',
  'iscsi:disk.example.com:tcp:03260:1:eui.02004567A425678D',
  'ISCSI:::::naa.52004567BA64678D',
] as const;
const pieces = [
  ...['iscsi', ':', ':', ':', '[', ']', '::', '192.0.2.1', '2001:db8::1', '2001:db8::ffff:1.2.3.4', 'fe80::1%eth0'],
  ...['6', '3260', '0', '65536', '-1', '0x', '1', 'f-', '-', '4186-9', 'iqn.2001-04.com.example', 'eui.', 'naa.5'],
  ...['\0', ' ', '\u00df', '\ud800', '\u{1f4bd}', 'xn--', '.', '..'],
] as const;
const first = pieces[0] ?? 'iscsi';

function assembled(random: Random): string {
  const some = Array.from({ length: random.below(14) }, () => random.pick([first, ...pieces]));
  return (random.oneIn(3) ? '' : 'iscsi:') + some.join('');
}

const file = loaderOf(new Uint8Array(100), new Date(1e12));
const fields = [
  'bytes=0-9',
  'bytes=-5',
  'bytes=90-',
  file.tag,
  `W/${file.tag}`,
  '*',
  file.modified.toUTCString(),
] as const;
const fieldNames = ['range', 'if-range', 'if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since'];

export const rootPathTrials: Readonly<Record<string, (random: Random) => void>> = {
  'Root Paths': (random) => {
    const value = random.oneIn(2) ? assembled(random) : damaged(random, Buffer.from(random.pick(paths)));
    const path = parseRootPath(value);
    if (path === undefined) return;
    const text = formatRootPath(path);
    if (!isDeepStrictEqual(parseRootPath(text), path)) throw new Error(`a Root Path does not come back: ${text}`);
  },
  'Emulex boot strings': (random) => {
    const given = damaged(random, Buffer.from('a":"1":"":"iqn."'));
    const boot = parseEmulexBootString(Buffer.concat([Buffer.from('iscsi:"'), given]));
    if (boot === undefined) return;
    emulexInitiatorName(boot);
    emulexRootPath(boot);
  },
  'HTTP ranges and conditions': (random) => {
    const headers = new Map(
      fieldNames
        .filter(() => random.oneIn(2))
        .map((name) => {
          const value = random.pick(fields);
          return [name, random.oneIn(2) ? value : damaged(random, Buffer.from(value)).toString('latin1')];
        }),
    );
    const { status } = fileResponse(file, random.pick(['GET', 'HEAD']), (name) => headers.get(name));
    if (![200, 206, 304, 412, 416].includes(status)) throw new Error(`answered with ${status}`);
    const range = parseByteRange(headers.get('range'), 100);
    if (typeof range === 'object' && !(range.first >= 0 && range.first <= range.last && range.last < 100)) {
      throw new Error(`the range ${range.first}-${range.last} of 100 bytes`);
    }
  },
};
