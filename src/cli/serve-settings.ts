/** Every setting of `diskless serve`, declared once: flags, environment variables and the config file's schema follow from here. */

import { z } from 'zod';
import { DisklessError, type Ipv4Address, ipv6Scope, isIpv4, parseIpv4 } from '../bytes/index.ts';
import { parseIscsiName } from '../iscsi/name.ts';
import type { DhcpMode, HttpEndpoint } from '../server/options.ts';
import { DEFAULT_SCOPE } from '../slp/protocol.ts';
import { parseAddressLiteral } from './address-literal.ts';
import { dataSetting } from './data-directory.ts';
import { parseAddress, parseIpv6Prefix, parseRange, parseRelayedNetwork, parseReservation } from './network-values.ts';
import { parseDuration, parseSize } from './quantity.ts';
import { listOf, onOrOff, type Setting, setting, textual, type ValuesOf } from './setting.ts';

const dhcpModes = ['auto', 'full', 'proxy', 'off'] as const satisfies readonly DhcpMode[];

const port = textual(parsePort);

export const serveSettings = {
  image: setting({
    help: 'the disk image every machine boots from (raw, qcow2, vmdk, vhdx, or a block device)',
    placeholder: 'image',
    isArgument: true,
    schema: z.string().min(1).optional(),
    fallback: undefined,
  }),
  interface: setting({
    help: 'the network interface the machines are on; repeat it for several',
    placeholder: 'name',
    repeats: true,
    schema: listOf(z.string().min(1)),
    fallback: [],
  }),
  data: dataSetting,
  dhcp: setting({
    help: 'auto (beside a DHCP server that is already there, else in full), full, proxy or off; default: auto',
    placeholder: 'mode',
    schema: z.enum(dhcpModes, { error: `expected one of ${dhcpModes.join(', ')}` }) as z.ZodType<DhcpMode>,
    fallback: 'auto' as DhcpMode,
  }),
  dhcp6: setting({
    help: 'serve machines over IPv6 as well, or alone where there is no IPv4: DHCPv6, and router advertisements that point to it; default: off',
    placeholder: 'on|off',
    schema: onOrOff,
    fallback: false,
  }),
  ipv6Prefix: setting({
    help: 'IPv6 network of the machines, where the interface’s own address does not tell the length of its prefix',
    placeholder: 'network/length',
    repeats: true,
    schema: listOf(textual(parseIpv6Prefix)),
    fallback: [],
  }),
  rapidCommit: setting({
    help: 'give IPv6 addresses in two messages to clients that ask for it; only where no other DHCPv6 server is; default: off',
    placeholder: 'on|off',
    schema: onOrOff,
    fallback: false,
  }),
  pool: setting({
    help: 'addresses to hand out, of IPv4 or IPv6; default: the upper half of the interface’s subnet, 65536 of its prefix',
    placeholder: 'first-last',
    repeats: true,
    schema: listOf(textual(parseRange)),
    fallback: [],
  }),
  relayedSubnet: setting({
    help: 'network behind a relay agent, as the address of its router there and the length of the prefix; its pool as above',
    placeholder: 'address/length',
    repeats: true,
    schema: listOf(textual(parseRelayedNetwork)),
    fallback: [],
  }),
  reserve: setting({
    help: 'address for one client: its MAC, id:HEX (client identifier), duid:HEX (DHCPv6) or uuid:UUID; host set does the same for a machine that was here',
    placeholder: 'client=address',
    repeats: true,
    schema: listOf(textual(parseReservation)),
    fallback: [],
  }),
  dhcpProbe: setting({
    help: 'how long somebody may answer at an address before it is offered to a new machine, or off; default: 250',
    placeholder: 'ms|off',
    schema: textual(parseDhcpProbe),
    fallback: 250 as number | undefined,
  }),
  dhcpAuthFile: setting({
    help: 'keys of clients that ask for authenticated DHCP (RFC 3118); who has a key of its own must use it',
    placeholder: 'file',
    schema: z.string().min(1).optional(),
    fallback: undefined as string | undefined,
  }),
  router: setting({
    help: 'default gateway for the machines; default: none, as machines without one boot fastest',
    placeholder: 'address',
    schema: textual(parseIpv4).optional(),
    fallback: undefined as Ipv4Address | undefined,
  }),
  dns: setting({
    help: 'name servers for the machines',
    placeholder: 'address',
    repeats: true,
    schema: listOf(textual(parseAddress)),
    fallback: [],
  }),
  domain: setting({
    help: 'domain name of the machines',
    placeholder: 'name',
    schema: textual(parseDomain).optional(),
    fallback: undefined as string | undefined,
  }),
  searchDomain: setting({
    help: 'domain in which the machines look for names',
    placeholder: 'name',
    repeats: true,
    schema: listOf(textual(parseDomain)),
    fallback: [],
  }),
  leaseTime: setting({
    help: 'how long an address is lent; default: 12h',
    placeholder: 'duration',
    schema: textual(parseLeaseTime),
    fallback: 12 * 3600,
  }),
  http: setting({
    help: 'where HTTP is served, such as 192.0.2.1:8080 or [2001:db8::1]:8080, in place of the interfaces’ addresses of that family; default: port 8080 of the served interfaces',
    placeholder: '[addr:]port',
    schema: textual(parseHttpEndpoint).optional(),
    fallback: undefined as HttpEndpoint | undefined,
  }),
  tftpPort: setting({ help: 'TFTP port; default: 69', placeholder: 'port', schema: port, fallback: 69 }),
  iscsiPort: setting({ help: 'iSCSI port; default: 3260', placeholder: 'port', schema: port, fallback: 3260 }),
  slp: setting({
    help: 'on: machines find their disks, and an iSNS server, by SLP as well, without being told the server',
    placeholder: 'on|off',
    schema: onOrOff,
    fallback: false,
  }),
  slpScope: setting({
    help: 'SLP scope of the disks; default: DEFAULT',
    placeholder: 'name',
    repeats: true,
    schema: listOf(z.string().min(1)),
    fallback: [DEFAULT_SCOPE],
  }),
  slpAgent: setting({
    help: 'SLP directory agent to register the disks with, of IPv4 or IPv6, beside those that are found',
    placeholder: 'address',
    repeats: true,
    schema: listOf(textual(parseAddress)),
    fallback: [],
  }),
  slpIpsec: setting({
    help: 'IPsec protects SLP’s port 427: who may use which disk may be told there',
    schema: onOrOff,
    fallback: false,
  }),
  loaderDir: setting({
    help: 'directory of iPXE’s undionly.kpxe, snponly.efi, ipxe.efi; off: none; default: Debian’s ipxe package',
    placeholder: 'dir',
    schema: z.string().min(1).optional(),
    fallback: undefined,
  }),
  isns: setting({
    help: 'on: be an iSNS server too, which tells every machine of its own target',
    placeholder: 'on|off',
    schema: onOrOff,
    fallback: false,
  }),
  isnsServer: setting({
    help: 'iSNS server of somebody else’s to register the machines’ targets with, of IPv4 or IPv6',
    placeholder: 'address',
    schema: textual(parseAddressLiteral).optional(),
    fallback: undefined as string | undefined,
  }),
  isnsControl: setting({
    help: 'iSCSI name of a node that may administer the iSNS server; repeat it for several',
    placeholder: 'name',
    repeats: true,
    schema: listOf(textual(parseIscsiName)),
    fallback: [],
  }),
  targetPrefix: setting({
    help: 'iSCSI name that the machines’ own target names begin with',
    placeholder: 'iqn',
    schema: textual(parseTargetPrefix),
    fallback: 'iqn.2026-11.internal.diskless',
  }),
  cache: setting({
    help: 'memory for the image’s blocks; default: a quarter of this machine’s',
    placeholder: 'size',
    schema: textual(parseSize).optional(),
    fallback: undefined as number | undefined,
  }),
  json: setting({
    help: 'print events as JSON lines on stdout',
    schema: onOrOff,
    fallback: false,
  }),
} satisfies Record<string, Setting<never> | Setting<unknown>>;

export type ServeSettings = ValuesOf<typeof serveSettings>;

function invalid(message: string, hint: string): DisklessError {
  return new DisklessError('USAGE_VALUE_INVALID', message, { hint });
}

function parsePort(text: string): number {
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= 65_535) return number;
  throw invalid(`"${text}" is not a port`, 'Write a number of 1 to 65535.');
}

/** RFC 1035 §2.3.1, as loosely as it is lived. */
function parseDomain(text: string): string {
  const name = text.replace(/\.$/, '');
  if (/^[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*$/.test(name) && name.length <= 253) return name;
  throw invalid(`"${text}" is not a domain name`, 'Write a name such as lab.example.com.');
}

/** RFC 2131 counts a lease in 32 bits of seconds; clients renew at half of it, so much less than a minute only makes traffic. */
function parseLeaseTime(text: string): number {
  const seconds = parseDuration(text);
  if (seconds >= 60 && seconds < 0xffff_ffff) return seconds;
  throw invalid(`a lease of "${text}" is too short or too long`, 'Write at least 60s, such as 12h.');
}

/** A host on the same link answers ARP within milliseconds; a machine that boots repeats its question after a second or more. */
function parseDhcpProbe(text: string): number | undefined {
  if (text === 'off') return undefined;
  const milliseconds = Number(/^(\d{1,4})(ms)?$/.exec(text)?.[1]);
  if (milliseconds >= 10 && milliseconds <= 3000) return milliseconds;
  throw invalid(`"${text}" is no time to wait for an answer`, 'Write 10 to 3000 milliseconds, or off.');
}

function parseHttpEndpoint(text: string): HttpEndpoint {
  const [, address = '', portText = ''] = /^(?:(.*):)?([^:]*)$/.exec(text) ?? [];
  const port = parsePort(portText);
  if (address === '') return { port };
  const { value } = address.startsWith('[') ? parseAddress(address) : { value: parseIpv4(address) };
  if (isIpv4(value) || ipv6Scope(value) !== 'link-local') return { address: value, port };
  throw invalid(`"${text}" is link-local, and no URL can name it`, 'Write an address that machines can be told.');
}

/** RFC 7143 §4.2.7.4: `iqn.`, year and month, reversed domain, and what the owner of the domain adds. */
function parseTargetPrefix(text: string): string {
  if (/^iqn\.\d{4}-(0[1-9]|1[0-2])\.[a-z0-9]([a-z0-9.:-]*[a-z0-9])?$/.test(text) && text.length <= 200) return text;
  throw invalid(`"${text}" is not the beginning of an iSCSI name`, 'Write iqn.YYYY-MM.reversed.domain in lower case.');
}
