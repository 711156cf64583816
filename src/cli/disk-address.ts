/**
 * How a command line names a disk that is elsewhere: as a Root Path, `iscsi:192.0.2.5::::iqn.2001-04.com.example:disk`, or as the URL
 * that libiscsi and QEMU take, `iscsi://192.0.2.5/iqn.2001-04.com.example:disk/0`. A portal alone is `192.0.2.5` or `192.0.2.5:3261`.
 */

import { DisklessError } from '../bytes/index.ts';
import type { Portal } from '../initiator/target-address.ts';
import { type IscsiName, parseIscsiName } from '../iscsi/name.ts';
import { parsePort, parseRootPath, rootPathDefaults } from '../iscsi/root-path.ts';
import { parseServerName, serverHost } from '../iscsi/server-name.ts';
import { encodeLun, MAXIMUM_LUN } from '../scsi/lun.ts';
import { parseEndpoint } from './address-literal.ts';

export interface DiskAddress {
  readonly portal: Portal;
  readonly targetName: IscsiName;
  /** Eight bytes. */
  readonly lun: Uint8Array;
}

const FORMS = 'Write iscsi:SERVER::::TARGET or iscsi://SERVER/TARGET/LUN.';

/** Raises USAGE_VALUE_INVALID, and what the parsers of the parts raise. */
export function parseDiskAddress(text: string): DiskAddress {
  if (/^iscsi:\/\//i.test(text)) return parseUrl(text);
  const path = parseRootPath(text);
  if (path === undefined) throw invalid(`"${text}" names no disk`, FORMS);
  const { server, port = rootPathDefaults.port, lun = rootPathDefaults.lun, targetName } = path;
  if (server === undefined) throw invalid(`"${text}" names no server`, FORMS);
  return { portal: { host: serverHost(server), port }, targetName, lun };
}

function parseUrl(text: string): DiskAddress {
  const match = /^iscsi:\/\/(?<portal>\[[^\]]*\](?::\d*)?|[^/]+)\/(?<target>[^/]+)(?:\/(?<lun>\d{1,5}))?$/i.exec(text);
  const { portal, target, lun = '0' } = match?.groups ?? {};
  if (portal === undefined || target === undefined) throw invalid(`"${text}" names no disk`, FORMS);
  if (Number(lun) > MAXIMUM_LUN) throw invalid(`there is no LUN ${lun}`, `LUNs go up to ${MAXIMUM_LUN}.`);
  return { portal: parsePortal(portal), targetName: parseIscsiName(target), lun: encodeLun(Number(lun)) };
}

/** `HOST` or `HOST:PORT`, an IPv6 host in brackets, a link-local one with its interface. Raises ROOT_PATH_SERVER, ROOT_PATH_PORT. */
export function parsePortal(text: string, defaultPort: number = rootPathDefaults.port): Portal {
  const literal = parseEndpoint(text, defaultPort);
  if (literal !== undefined && literal.port > 0) return { host: literal.address, port: literal.port };
  const { host = text, port } = /^(?<host>\[[^\]]*\]|[^:]*):(?<port>[^:]*)$/.exec(text)?.groups ?? {};
  return {
    host: serverHost(parseServerName(host)),
    port: port === undefined ? defaultPort : parsePort(port),
  };
}

function invalid(message: string, hint: string): DisklessError {
  return new DisklessError('USAGE_VALUE_INVALID', message, { hint });
}
