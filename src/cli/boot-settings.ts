/** Every setting of `diskless boot`, declared once: flags and environment variables follow from here. */

import { z } from 'zod';
import { parseSoftwareChoice } from '../boot/software-source.ts';
import { parseSoftwareDigest } from '../boot/software-stage.ts';
import { DisklessError, parseIpNetwork } from '../bytes/index.ts';
import { parseIscsiName } from '../iscsi/name.ts';
import { parsePort, parseRootPath, type RootPath } from '../iscsi/root-path.ts';
import { parseLun } from '../iscsi/root-path-lun.ts';
import { parseServerName, serverHost } from '../iscsi/server-name.ts';
import { ISNS_PORT } from '../isns/pdu.ts';
import type { NbdPlace } from '../nbd/uri.ts';
import { parseAddressLiteral } from './address-literal.ts';
import { parsePortal } from './disk-address.ts';
import { initiatorSettings } from './initiator-settings.ts';
import { parseDuration, parseSize } from './quantity.ts';
import { listOf, onOrOff, setting, textual, type ValuesOf } from './setting.ts';

const optional = <T>(parse: (text: string) => T) => ({ schema: textual(parse).optional(), fallback: undefined });
const oneOf = <const T extends readonly [string, ...string[]]>(...values: T) =>
  z.enum(values, { error: `expected one of ${values.join(', ')}` });

export const bootSettings = {
  interface: setting({
    help: 'the network interface to ask on; default: the only one there is',
    placeholder: 'name',
    ...optional((text) => text),
  }),
  rootPath: setting({
    help: 'where the disk is: iscsi:server:protocol:port:LUN:target, blank fields keep their colons',
    placeholder: 'path',
    ...optional(parseGivenRootPath),
  }),
  secondRootPath: setting({
    help: 'another way to the disk, or another disk, with its server: tried when the first one fails, and in the table of --ibft beside it',
    placeholder: 'path',
    ...optional(parseSecondRootPath),
  }),
  serverName: setting({
    help: 'the server: a name, an IPv4 address, or an IPv6 address in brackets',
    placeholder: 'host',
    ...optional(parseServerName),
  }),
  port: setting({ help: 'its TCP port; default: 3260', placeholder: 'number', ...optional(parsePort) }),
  lun: setting({
    help: 'the logical unit, in hexadecimal groups such as 1 or 4186-9; default: 0',
    placeholder: 'lun',
    ...optional(parseLun),
  }),
  target: setting({ help: 'the target’s iSCSI name', placeholder: 'iqn', ...optional(parseIscsiName) }),
  ...initiatorSettings,
  softwareStage: setting({
    help: 'what a client without an initiator would fetch, to see and check it: a tftp: or http: URL, dhcp (the boot file it names), or off; default: off',
    placeholder: 'what',
    ...optional(parseSoftwareChoice),
  }),
  softwareDigest: setting({
    help: 'the SHA-256 that it must have',
    placeholder: 'hex',
    ...optional(parseSoftwareDigest),
  }),
  dhcp: setting({
    help: 'v4, bootp, inform (for an interface that has an address), v6, v6-stateless (for one with an IPv6 address) or off; it is only asked when something is missing',
    placeholder: 'method',
    schema: oneOf('v4', 'bootp', 'inform', 'v6', 'v6-stateless', 'off'),
    fallback: 'v4' as const,
  }),
  dhcpAuthFile: setting({
    help: 'believe only DHCP servers that have one of the keys in this file (RFC 3118): lines "key ID SECRET"',
    placeholder: 'file',
    ...optional((text) => text),
  }),
  dhcpVendorClass: setting({
    help: 'ask DHCP as a client of that vendor class (option 60), such as "BRCM ISAN"',
    placeholder: 'class',
    ...optional((text) => text),
  }),
  discovery: setting({
    help: 'what is asked for server and target where DHCP does not name them: slp, isns, sendtargets (of a known server), off, or auto',
    placeholder: 'service',
    schema: oneOf('auto', 'slp', 'isns', 'sendtargets', 'off'),
    fallback: 'auto' as const,
  }),
  secure: setting({
    help: 'refuse what is not safe (RFC 4173 §8): unauthenticated DHCP, names and discovery instead of addresses, boot software, targets that prove nothing',
    schema: onOrOff,
    fallback: false,
  }),
  authorizedServer: setting({
    help: 'use only iSCSI servers of this network, such as 192.0.2.5 or 192.0.2.0/24, and the one of --server-name; may be repeated',
    placeholder: 'network',
    repeats: true,
    schema: listOf(textual(parseIpNetwork)),
    fallback: [],
  }),
  isnsServer: setting({
    help: 'an iSNS server to ask, such as 192.0.2.5, 192.0.2.5:3205 or [2001:db8::5]:3205; may be repeated; default: those that DHCP names (option 83)',
    placeholder: 'address',
    repeats: true,
    schema: listOf(textual((text) => parsePortal(text, ISNS_PORT))),
    fallback: [],
  }),
  slpAgent: setting({
    help: 'an SLP agent to ask before anybody else, of IPv4 or IPv6; may be repeated; default: those that DHCP names (option 78)',
    placeholder: 'address',
    repeats: true,
    schema: listOf(textual(parseAddressLiteral)),
    fallback: [],
  }),
  slpScope: setting({
    help: 'an SLP scope to ask in; may be repeated; default: those that DHCP names (option 79), else "default"',
    placeholder: 'name',
    repeats: true,
    schema: listOf(textual((text) => text)),
    fallback: [],
  }),
  read: setting({
    help: 'copy so much from the start of the disk to the file of --out, such as 64M',
    placeholder: 'size',
    ...optional(parseReadSize),
  }),
  out: setting({ help: 'the file that --read writes', placeholder: 'file', ...optional((text) => text) }),
  nbd: setting({
    help: 'serve the disk to NBD clients at this socket of the file system, or at host:port, until a signal',
    placeholder: 'socket',
    ...optional(parseNbdPlace),
  }),
  attach: setting({
    help: 'make the disk a block device of this machine, until a signal (as root; by nbd-client, else by iscsiadm)',
    schema: onOrOff,
    fallback: false,
  }),
  ibft: setting({
    help: 'write what the boot has found to this file, as an iSCSI Boot Firmware Table for the next system (QEMU: -acpitable file=)',
    placeholder: 'file',
    ...optional((text) => text),
  }),
  vm: setting({
    help: 'start a machine that boots from the disk, in QEMU; what follows "--" is for QEMU',
    schema: onOrOff,
    fallback: false,
  }),
  timeout: setting({
    help: 'how long the whole boot may take, without the copying of --read, and what is done with the disk then',
    placeholder: 'duration',
    schema: textual(parseTimeout),
    fallback: 60,
  }),
  json: setting({
    help: 'print one JSON document at the end instead of lines',
    schema: onOrOff,
    fallback: false,
  }),
  dryRun: setting({
    help: 'only say which stages there would be, and why',
    schema: onOrOff,
    fallback: false,
  }),
};

export type BootSettings = ValuesOf<typeof bootSettings>;

function parseGivenRootPath(text: string): RootPath {
  const path = parseRootPath(text);
  if (path !== undefined) return path;
  throw new DisklessError('USAGE_VALUE_INVALID', `"${text}" does not start with "iscsi:"`, {
    hint: 'Write iscsi:SERVER::::TARGET.',
  });
}

function parseSecondRootPath(text: string): RootPath {
  const path = parseGivenRootPath(text);
  if (path.server !== undefined) return path;
  throw new DisklessError('USAGE_VALUE_INVALID', `"${text}" names no server`, {
    hint: 'Nobody looks for the second one: write iscsi:SERVER::::TARGET.',
  });
}

function parseReadSize(text: string): number {
  const size = parseSize(text);
  if (size > 0) return size;
  throw new DisklessError('USAGE_VALUE_INVALID', `there is nothing to copy in "${text}"`);
}

/** What has a port and no slash is an address; port 0 lets the kernel choose. Raises ROOT_PATH_SERVER, USAGE_VALUE_INVALID. */
function parseNbdPlace(text: string): NbdPlace {
  if (text === '') throw new DisklessError('USAGE_VALUE_INVALID', 'no socket is named');
  const { host, port } = /^(?<host>[^/]*):(?<port>\d{1,5})$/.exec(text)?.groups ?? {};
  if (host === undefined || port === undefined) return { kind: 'local', path: text };
  if (Number(port) > 65_535) throw new DisklessError('USAGE_VALUE_INVALID', `there is no port ${port}`);
  return { kind: 'tcp', host: serverHost(parseServerName(host)), port: Number(port) };
}

/** Seconds. */
function parseTimeout(text: string): number {
  const seconds = parseDuration(text);
  if (seconds >= 1 && seconds <= 86_400) return seconds;
  throw new DisklessError('USAGE_VALUE_INVALID', `a boot cannot be given "${text}"`, { hint: 'Write 1s to 1d.' });
}
