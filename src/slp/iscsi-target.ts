/** The template `service:iscsi:target` (RFC 4018 §5.2): a target at one address, as SLP advertises it. */

import { ProtocolError } from '../bytes/index.ts';
import { formatServerName, parseServerName, type ServerName } from '../iscsi/server-name.ts';
import { type Attribute, type AttributeTable, attributeTable, attributeValue } from './attribute.ts';
import { folded } from './text.ts';

export const ISCSI_TARGET = 'service:iscsi:target';

/** Stands in the auth- attributes and in boot-list for everybody. */
export const ANYBODY = 'any';

/** Well-known: a URL may leave it out. */
const ISCSI_PORT = 3260;

const PREFIX = `${ISCSI_TARGET}://`;

export interface TargetUrl {
  readonly server: ServerName;
  readonly port: number;
  /** As it is written; prepared iSCSI names are written as they are. */
  readonly targetName: string;
  /** Tells apart URLs of one target with different auth- attributes (RFC 4018 §4.1.2). */
  readonly identity?: string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

export function formatTargetUrl({ server, port, targetName, identity }: TargetUrl): string {
  const path = identity === undefined ? iscsiChars(targetName) : `${iscsiChars(targetName)}/${iscsiChars(identity)}`;
  return `${PREFIX}${formatServerName(server)}:${port}/${path}`;
}

/** Letters, digits, `:`, `-` and `.` stand for themselves, all else is escaped byte by byte. */
function iscsiChars(text: string): string {
  return Array.from(encoder.encode(text), (byte) => {
    const character = String.fromCharCode(byte);
    return /[A-Za-z0-9:.-]/.test(character) ? character : `\\${byte.toString(16).padStart(2, '0')}`;
  }).join('');
}

/** Raises SLP_URL_INVALID. */
export function parseTargetUrl(url: string): TargetUrl {
  // Types know no case (RFC 2608 §6.4).
  if (folded(url.slice(0, PREFIX.length)) !== PREFIX) throw invalid(url, `does not begin with ${PREFIX}`);
  const [, host = '', port, name = '', identity] =
    /^(\[[^\]]*\]|[^:/]*)(?::([0-9]{1,5}))?\/([^/]+)(?:\/([^/]+))?$/.exec(url.slice(PREFIX.length)) ?? [];
  const number = port === undefined ? ISCSI_PORT : Number(port);
  if (number < 1 || number > 65_535) throw invalid(url, 'has a port that cannot be');
  try {
    const server = parseServerName(host);
    const targetName = plain(name);
    return { server, port: number, targetName, ...(identity === undefined ? {} : { identity: plain(identity) }) };
  } catch (cause) {
    throw invalid(url, `is not ${PREFIX}host:port/target`, cause);
  }
}

function plain(written: string): string {
  if (!/^([A-Za-z0-9:.-]|[^\x00-\x7f]|\\[0-9A-Fa-f]{2})+$/.test(written))
    throw new RangeError('a character that it cannot have');
  const bytes = written
    .split(/(\\[0-9A-Fa-f]{2})/)
    .flatMap((part) => (part.startsWith('\\') ? [Number.parseInt(part.slice(1), 16)] : [...encoder.encode(part)]));
  return decoder.decode(Uint8Array.from(bytes));
}

function invalid(url: string, why: string, cause?: unknown): ProtocolError {
  return new ProtocolError('SLP_URL_INVALID', `"${url}" ${why}`, { cause });
}

/** What is advertised of a target beside its URL. */
export interface TargetAttributes {
  readonly targetName: string;
  readonly portalGroupTag: number;
  readonly alias?: string;
  /** Initiator names that are let in, or ANYBODY. */
  readonly initiatorNames: readonly string[];
  /** Addresses and host names that they may come from, or ANYBODY. */
  readonly initiatorAddresses: readonly string[];
  /** `method/identifier`, or ANYBODY. */
  readonly credentials: readonly string[];
  /** Initiator names that may boot from it, or ANYBODY; none: it is not bootable. */
  readonly bootList: readonly string[];
}

/** As RFC 4018 §5.2 names them. */
export function targetAttributes(target: TargetAttributes): AttributeTable {
  const list: Attribute[] = [
    attribute('iscsi-name', [target.targetName]),
    attribute('portal-group', [String(target.portalGroupTag)]),
    attribute('transports', ['tcp']),
    ...(target.alias === undefined ? [] : [attribute('alias', [target.alias])]),
    attribute('auth-name', target.initiatorNames),
    attribute('auth-addr', target.initiatorAddresses),
    attribute('auth-cred', target.credentials),
  ];
  return attributeTable(target.bootList.length === 0 ? list : [...list, attribute('boot-list', target.bootList)]);
}

function attribute(tag: string, texts: readonly string[]): Attribute {
  return { tag, values: texts.map(attributeValue) };
}

/** Who may come in is security policy (RFC 4018 §5.2, §6). */
const securityPolicy: ReadonlySet<string> = new Set(['auth-name', 'auth-addr', 'auth-cred', 'boot-list']);
const nothing: ReadonlySet<string> = new Set();

/** The attributes that must not be distributed, and not be used when they are found, without IPsec (RFC 4018 §6.1). */
export function withheldAttributes(isIpsecPresent: boolean): ReadonlySet<string> {
  return isIpsecPresent ? nothing : securityPolicy;
}

/** The portal group tag that an attribute list tells, 0 to 65535. */
export function portalGroupTagOf(attributes: AttributeTable): number | undefined {
  const value = attributes.get('portal-group')?.values[0];
  return value?.kind === 'integer' && value.value >= 0 && value.value <= 0xffff ? value.value : undefined;
}
