/** Every setting of `diskless target`, declared once: flags, environment variables and the config file's schema follow from here. */

import { z } from 'zod';
import { DisklessError, parseIpNetwork } from '../bytes/index.ts';
import { type IscsiName, parseIscsiName } from '../iscsi/name.ts';
import { rootPathDefaults } from '../iscsi/root-path.ts';
import type { Endpoint } from '../os/network.ts';
import { parseEndpoint } from './address-literal.ts';
import { parseLun } from './lun-files.ts';
import { listOf, onOrOff, setting, textual, type ValuesOf } from './setting.ts';

/** One VPD page has to hold them all. */
const MAXIMUM_URLS = 16;
const MAXIMUM_URL_LENGTH = 2048;

export const targetSettings = {
  file: setting({
    help: 'raw disk image, block device, or NBD export such as nbd://192.0.2.5/disk; LUN 0',
    placeholder: 'file',
    isArgument: true,
    schema: z.string().min(1).optional(),
    fallback: undefined,
  }),
  name: setting({
    help: 'iSCSI name of the target; default: iqn.2026-11.internal.diskless:disk',
    placeholder: 'iqn',
    schema: textual(parseIscsiName),
    fallback: 'iqn.2026-11.internal.diskless:disk' as IscsiName,
  }),
  listen: setting({
    help: 'where to listen, such as 192.0.2.1:3260, [::]:3260 or [fe80::1%eth0]:3260; default: 0.0.0.0:3260',
    placeholder: 'address:port',
    schema: textual(parseListen),
    fallback: { address: '0.0.0.0', port: rootPathDefaults.port },
  }),
  lun: setting({
    help: 'one more file as LUN n; may be repeated',
    placeholder: 'n=file',
    repeats: true,
    schema: listOf(textual(parseLun), /,(?=\d{1,5}=)/),
    fallback: [],
  }),
  blockSize: setting({
    help: 'bytes of a logical block: 512 or 4096; default: 512',
    placeholder: 'bytes',
    schema: textual(parseBlockSize),
    fallback: 512,
  }),
  physicalBlockSize: setting({
    help: 'bytes of a physical block, 512 to 65536; default: 4096, which over logical blocks of 512 is "512e"',
    placeholder: 'bytes',
    schema: textual(parsePhysicalBlockSize).optional(),
    fallback: undefined as number | undefined,
  }),
  thin: setting({
    help: 'let initiators give blocks back; default: on',
    schema: onOrOff,
    fallback: true,
    negation: 'keep every block: no UNMAP',
  }),
  removable: setting({ help: 'a medium that initiators can eject and load', schema: onOrOff, fallback: false }),
  readOnly: setting({ help: 'refuse writes', schema: onOrOff, fallback: false }),
  initiator: setting({
    help: 'only an initiator of this name; may be repeated',
    placeholder: 'iqn',
    repeats: true,
    schema: listOf(textual(parseIscsiName)),
    fallback: [],
  }),
  network: setting({
    help: 'only from this network, such as 192.0.2.0/24; may be repeated',
    placeholder: 'network',
    repeats: true,
    schema: listOf(textual(parseIpNetwork)),
    fallback: [],
  }),
  chapFile: setting({
    help: 'ask for CHAP: lines "initiator NAME SECRET", and "target NAME SECRET" for mutual',
    placeholder: 'file',
    schema: z.string().min(1).optional(),
    fallback: undefined,
  }),
  chapDiscovery: setting({
    help: 'ask for CHAP in discovery as well: who proves nothing is not told of the target',
    schema: onOrOff,
    fallback: false,
  }),
  managementUrl: setting({
    help: 'where the target is managed, for initiators to read (VPD page 85h); may be repeated',
    placeholder: 'url',
    repeats: true,
    schema: listOf(textual(parseManagementUrl)).refine(({ length }) => length <= MAXIMUM_URLS, {
      error: `more than ${MAXIMUM_URLS} URLs`,
    }),
    fallback: [],
  }),
  json: setting({ help: 'print events as JSON lines on stdout', schema: onOrOff, fallback: false }),
};

export type TargetSettings = ValuesOf<typeof targetSettings>;

function invalid(message: string, hint: string): DisklessError {
  return new DisklessError('USAGE_VALUE_INVALID', message, { hint });
}

function parseBlockSize(text: string): number {
  if (text === '512' || text === '4096') return Number(text);
  throw invalid(`"${text}" is not a block size`, 'Use 512 or 4096.');
}

function parsePhysicalBlockSize(text: string): number {
  const size = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (size >= 512 && size <= 65_536 && Number.isInteger(Math.log2(size))) return size;
  throw invalid(`"${text}" is not a physical block size`, 'Use a power of two from 512 to 65536.');
}

function parseManagementUrl(text: string): string {
  const url = URL.parse(text)?.href;
  if (url !== undefined && url.length <= MAXIMUM_URL_LENGTH) return url;
  throw invalid(
    `"${text}" is not a URL`,
    `Write one such as https://192.0.2.1/, of at most ${MAXIMUM_URL_LENGTH} bytes.`,
  );
}

function parseListen(text: string): Endpoint {
  const endpoint = parseEndpoint(text, rootPathDefaults.port);
  if (endpoint !== undefined) return endpoint;
  throw invalid(`"${text}" is not an address and a port`, 'Write one such as 192.0.2.1:3260 or [::]:3260.');
}
