/** `diskless root-path`: reads and writes the Root Path of RFC 4173 §5, for whoever sets up a DHCP server. */

import type { Command } from 'commander';
import { DisklessError, ProtocolError } from '../../bytes/index.ts';
import { parseIscsiName } from '../../iscsi/name.ts';
import { formatRootPath, parsePort, parseRootPath, type RootPath, rootPathDefaults } from '../../iscsi/root-path.ts';
import { formatLun, parseLun } from '../../iscsi/root-path-lun.ts';
import { formatServerName, parseServerName } from '../../iscsi/server-name.ts';
import { onOrOff, setting, textual, type ValuesOf } from '../setting.ts';
import { addAction } from '../setting-flags.ts';

const ENVIRONMENT_PREFIX = 'DISKLESS_ROOT_PATH';

const parseSettings = {
  json: setting({ help: 'print one JSON document', schema: onOrOff, fallback: false }),
};

const optional = <T>(parse: (text: string) => T) => ({ schema: textual(parse).optional(), fallback: undefined });

const formatSettings = {
  serverName: setting({
    help: 'the server: a name, an IPv4 address, or an IPv6 address in brackets; default: blank, to be found by discovery',
    placeholder: 'host',
    ...optional(parseServerName),
  }),
  port: setting({
    help: 'its TCP port; default: blank, which means 3260',
    placeholder: 'number',
    ...optional(parsePort),
  }),
  lun: setting({
    help: 'the logical unit, in hexadecimal groups such as 1 or 4186-9; default: blank, which means 0',
    placeholder: 'lun',
    ...optional(parseLun),
  }),
  target: setting({ help: 'the target’s iSCSI name', placeholder: 'iqn', ...optional(parseIscsiName) }),
};

export function registerRootPath(rootPath: Command): void {
  const parse = rootPath
    .command('parse')
    .description('check a Root Path, and say what each field means')
    .argument('<root-path>', 'such as iscsi:192.0.2.5::::iqn.2001-04.com.example:disk');
  addAction(parse, parseSettings, { prefix: ENVIRONMENT_PREFIX }, async ({ json }, [text = '']) => {
    const path = parseGiven(text);
    process.stdout.write(json ? `${JSON.stringify(fieldsOf(path), undefined, 2)}\n` : pathText(path));
  });
  const format = rootPath.command('format').description('write a Root Path from its fields');
  addAction(format, formatSettings, { prefix: ENVIRONMENT_PREFIX }, async (settings) => {
    process.stdout.write(`${formatRootPath(rootPathOf(settings))}\n`);
  });
}

/** Raises ROOT_PATH_PREFIX, and what `parseRootPath` raises. */
function parseGiven(text: string): RootPath {
  const path = parseRootPath(text);
  if (path !== undefined) return path;
  throw new ProtocolError('ROOT_PATH_PREFIX', `"${text}" does not start with "iscsi:"`, {
    hint: 'Write iscsi:SERVER::::TARGET.',
  });
}

/** What blanks mean is filled in; `blank` says which they were. */
function fieldsOf(path: RootPath) {
  const { server, protocol = rootPathDefaults.protocol, port = rootPathDefaults.port, targetName } = path;
  const lun = path.lun ?? rootPathDefaults.lun;
  const blank = (['server', 'protocol', 'port', 'lun'] as const).filter((name) => path[name] === undefined);
  return {
    ...(server === undefined ? {} : { server: formatServerName(server), serverKind: server.kind }),
    protocol,
    port,
    lun: formatLun(lun),
    lunBytes: Buffer.from(lun).toString('hex'),
    targetName,
    blank,
    canonical: formatRootPath(path),
  };
}

function pathText(path: RootPath): string {
  const { server, serverKind, protocol, port, lun, lunBytes, targetName, blank, canonical } = fieldsOf(path);
  const note = (name: (typeof blank)[number], what = '') => {
    const notes = [what, blank.includes(name) ? 'blank' : ''].filter((each) => each !== '');
    return notes.length === 0 ? '' : ` (${notes.join(', ')})`;
  };
  const rows = [
    ['server', server === undefined ? 'to be found by discovery (blank)' : `${server} (${serverKind})`],
    ['protocol', `${protocol}${note('protocol', 'TCP')}`],
    ['port', `${port}${note('port')}`],
    ['LUN', `${lun}${note('lun', lunBytes)}`],
    ['target', targetName],
    ['canonical', canonical],
  ];
  return rows.map(([label = '', value]) => `${label.padEnd(9)}  ${value}\n`).join('');
}

/** Raises USAGE_TARGET_MISSING. */
function rootPathOf({ serverName: server, port, lun, target }: ValuesOf<typeof formatSettings>): RootPath {
  if (target === undefined) {
    throw new DisklessError('USAGE_TARGET_MISSING', 'a Root Path names a target', {
      hint: 'Give --target iqn.2001-04.com.example:disk.',
    });
  }
  return {
    ...(server === undefined ? {} : { server }),
    ...(port === undefined ? {} : { port }),
    ...(lun === undefined ? {} : { lun }),
    targetName: target,
  };
}
