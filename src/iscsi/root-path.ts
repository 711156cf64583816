/**
 * The Root Path of RFC 4173 §5, which tells a machine where its disk is:
 *
 *     iscsi:<servername>:<protocol>:<port>:<LUN>:<targetname>
 *     iscsi:192.0.2.5::::iqn.2001-04.com.example:disk
 *
 * DHCPv4 carries it in option 17, DHCPv6 in option 59 (RFC 5970 §5). Only the target name must be there. A blank field stays
 * `undefined` here, so that "not said" and "said to be the default" remain different things; `rootPathDefaults` has the values that blanks mean.
 */

import { ProtocolError } from '../bytes/index.ts';
import { type IscsiName, parseIscsiName } from './name.ts';
import { formatLun, parseLun } from './root-path-lun.ts';
import { formatServerName, parseServerName, type ServerName } from './server-name.ts';

export interface RootPath {
  /** Blank: the target's address is for the discovery service stage to find (RFC 4173 §6). */
  readonly server?: ServerName;
  /** IP protocol number; TCP is the only one approved for iSCSI. */
  readonly protocol?: 6;
  /** 1..65535 */
  readonly port?: number;
  /** The eight bytes of a SAM logical unit number. */
  readonly lun?: Uint8Array;
  readonly targetName: IscsiName;
}

/** What blank fields mean (RFC 4173 §5; the port is RFC 7143 §15's well-known one). */
export const rootPathDefaults = { protocol: 6, port: 3260, lun: new Uint8Array(8) } as const;

const PREFIX = 'iscsi:';

/** What every refusal of a malformed Root Path says. */
const FORM = 'The form is iscsi:<servername>:<protocol>:<port>:<LUN>:<targetname>; a blank field keeps its colon.';

/**
 * Reads a Root Path. Undefined when it has no `iscsi:` prefix: then it is not for an iSCSI client (an NFS path, for example). The
 * prefix is taken in either case, as the scheme of a URI is (RFC 2396 §3.1).
 *
 * Raises ROOT_PATH_ENCODING, ROOT_PATH_FIELDS, ROOT_PATH_SERVER, ROOT_PATH_PROTOCOL, ROOT_PATH_PORT, ROOT_PATH_LUN,
 * ROOT_PATH_TARGET_MISSING, ROOT_PATH_TARGET_NAME.
 */
export function parseRootPath(value: string | Uint8Array): RootPath | undefined {
  const text = typeof value === 'string' ? stripTrailingNuls(value) : decode(value);
  if (text === undefined || text.slice(0, PREFIX.length).toLowerCase() !== PREFIX) return undefined;
  const { server, protocol, port, lun, targetName } = split(text);
  return {
    ...(server === '' ? {} : { server: parseServerName(server) }),
    ...(protocol === '' ? {} : { protocol: parseProtocol(protocol) }),
    ...(port === '' ? {} : { port: parsePort(port) }),
    ...(lun === '' ? {} : { lun: parseLun(lun) }),
    targetName: parseTargetName(targetName),
  };
}

/** Whether it has the prefix, and thus is for an iSCSI client; it may be malformed. */
export function isForIscsi(value: Uint8Array): boolean {
  const latin1 = Array.from(value.subarray(0, PREFIX.length), (byte) => String.fromCharCode(byte)).join('');
  return latin1.toLowerCase() === PREFIX;
}

/** The canonical text: what is undefined is left blank. */
export function formatRootPath(path: RootPath): string {
  const server = path.server === undefined ? '' : formatServerName(path.server);
  const lun = path.lun === undefined ? '' : formatLun(path.lun);
  return `${PREFIX}${server}:${path.protocol ?? ''}:${path.port ?? ''}:${lun}:${path.targetName}`;
}

/** A decimal TCP port, 1..65535. Raises ROOT_PATH_PORT. */
export function parsePort(text: string): number {
  const port = /^[0-9]+$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65535) return port;
  throw new ProtocolError('ROOT_PATH_PORT', `the port "${text}" is not a decimal number of 1 to 65535`, {
    hint: `Leave it blank for ${rootPathDefaults.port}.`,
  });
}

/** RFC 2132 §2: a sender should not end the text with NUL, a receiver takes it away. */
function stripTrailingNuls(text: string): string {
  return text.replace(/\0+$/, '');
}

/** Undefined for bytes that cannot be ours anyway. RFC 4173 §5 makes ours UTF-8. */
function decode(bytes: Uint8Array): string | undefined {
  if (!isForIscsi(bytes)) return undefined;
  try {
    return stripTrailingNuls(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw new ProtocolError('ROOT_PATH_ENCODING', 'the Root Path is not UTF-8', {
      hint: "RFC 4173 §5 makes the Root Path a UTF-8 string: check the encoding of the DHCP server's configuration.",
      cause,
    });
  }
}

/** The five fields. The target name is all that follows the fourth of them, with its own colons. */
function split(text: string) {
  const rest = text.slice(PREFIX.length);
  // An IPv6 literal has colons of its own, which its brackets protect (RFC 2732).
  const server = rest.startsWith('[') ? bracketed(rest, text) : rest.slice(0, colon(rest, text));
  const fields = [server];
  let tail = rest.slice(server.length + 1);
  while (fields.length < 4) {
    const end = colon(tail, text);
    fields.push(tail.slice(0, end));
    tail = tail.slice(end + 1);
  }
  const [, protocol = '', port = '', lun = ''] = fields;
  // One colon short, the first part of the target's name slides into the LUN: say that rather than "no LUN".
  if (/^(iqn|eui|naa)\./i.test(lun)) throw tooFewFields(text);
  return { server, protocol, port, lun, targetName: tail };
}

function bracketed(rest: string, text: string): string {
  const end = rest.indexOf(']');
  if (end === -1 || rest[end + 1] !== ':') {
    throw new ProtocolError('ROOT_PATH_SERVER', `the Root Path "${text}" has no "]:" after its IPv6 server name`, {
      hint: 'Write an IPv6 server such as [2001:db8::5].',
    });
  }
  return rest.slice(0, end + 1);
}

function colon(rest: string, text: string): number {
  const at = rest.indexOf(':');
  if (at === -1) throw tooFewFields(text);
  return at;
}

function tooFewFields(text: string): ProtocolError {
  return new ProtocolError('ROOT_PATH_FIELDS', `the Root Path "${text}" has fewer than five fields`, { hint: FORM });
}

function parseProtocol(text: string): 6 {
  if (/^[0-9]+$/.test(text) && Number(text) === 6) return 6;
  throw new ProtocolError('ROOT_PATH_PROTOCOL', `the protocol "${text}" is not approved for iSCSI`, {
    hint: 'Leave it blank or write 6, the IP protocol number of TCP.',
  });
}

function parseTargetName(text: string): IscsiName {
  if (text === '') {
    throw new ProtocolError('ROOT_PATH_TARGET_MISSING', 'the Root Path names no target', { hint: FORM });
  }
  try {
    return parseIscsiName(text);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new ProtocolError('ROOT_PATH_TARGET_NAME', `the Root Path's target name is wrong: ${cause.message}`, {
      ...(cause.hint === undefined ? {} : { hint: cause.hint }),
      cause,
    });
  }
}
