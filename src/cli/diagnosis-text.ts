/** A diagnosis as a person reads it: what was seen, what each kind of client would come to, and what is wrong. */

import { clients } from '../boot/doctor/clients.ts';
import type { Diagnosis } from '../boot/doctor/examination.ts';
import type { Finding } from '../boot/doctor/finding.ts';
import type {
  Naming,
  SeenDhcp6,
  SeenDhcp6Answer,
  SeenDisk,
  SeenOffer,
  SeenRouter,
  Step,
} from '../boot/doctor/observation.ts';
import type { Outlook } from '../boot/doctor/outlook.ts';
import { type Ipv6Prefix, printable, sizeText } from '../bytes/index.ts';
import { tableLines } from './table.ts';

/** Of a target list, in one line. */
const MOST_NAMES = 3;

export function diagnosisLines({ observation, findings, clients: outlooks }: Diagnosis): string[] {
  const { offers, dhcp6, routers, disks } = observation;
  return [
    ...tableLines([
      ...(offers ?? []).map(offerRow),
      ...dhcp6Rows(dhcp6),
      ...(routers ?? []).map(routerRow),
      ...disks.map(diskRow),
    ]),
    '',
    ...tableLines(outlooks.map(outlookRow)),
    ...findings.flatMap(findingLines),
    '',
    summary(findings),
  ];
}

function offerRow({ askedAs, server, kind, address, prefix, rootPath }: SeenOffer): string[] {
  const what = kind === 'proxy' ? 'boot parameters only' : `${address}/${prefix}`;
  return [
    'dhcp',
    `to ${askedAs === 'ipxe' ? 'iPXE' : 'others'}`,
    `${server} offers ${what}, ${rootPath?.text ?? 'no Root Path'}`,
  ];
}

function dhcp6Rows(seen: SeenDhcp6 | undefined): string[][] {
  if (seen === undefined) return [];
  const row = (whom: string, answer: SeenDhcp6Answer) => {
    const what =
      answer.kind === 'none' ? answer.error.code : `${answer.server} names ${answer.bootFileUrl ?? 'no disk'}`;
    return ['dhcpv6', whom, what];
  };
  const { plain, ipxe } = seen;
  return plain.kind === 'none' ? [row('to all', plain)] : [row('to others', plain), row('to iPXE', ipxe)];
}

function routerRow({ address, onLink, routes }: SeenRouter): string[] {
  return ['router', address, `on the link: ${prefixesText(onLink)}; leads to ${prefixesText(routes)}`];
}

function prefixesText(prefixes: readonly Ipv6Prefix[]): string {
  return prefixes.map(({ network, length }) => `${network}/${length}`).join(', ') || 'nothing';
}

function diskRow({ text, namings, portal, connection, listed, login, disk }: SeenDisk): string[] {
  const origin = namingText(namings);
  const [failed] = [connection, login, disk].filter((step) => step.kind === 'failed');
  if (portal === undefined) return ['disk', origin, `${text} names no server: discovery has to find it`];
  if (failed?.kind === 'failed') return ['disk', origin, `${text}: ${failed.error.code}`];
  return ['disk', origin, `${text}: ${diskText(disk)}, ${listedText(listed)}`];
}

const whom = { ipxe: ' to iPXE', plain: ' to others', dhcp6: '', user: '' } as const;

/** What one server says to both kinds of client, it says to all. */
function namingText(namings: readonly Naming[]): string {
  const origins = Map.groupBy(namings, ({ origin }) => origin);
  const texts = [...origins].map(([origin, all]) => {
    const kinds = new Set(all.map(({ askedAs }) => whom[askedAs]));
    return `${origin}${kinds.size > 1 ? ' to all' : [...kinds].join('')}`;
  });
  return texts.join(', ');
}

function diskText(disk: SeenDisk['disk']): string {
  if (disk.kind !== 'good') return 'no disk';
  const { size, bootableBy } = disk.value;
  return `${sizeText(size)}, ${bootableBy.length === 0 ? 'not bootable' : `bootable by ${bootableBy.join(' and ')}`}`;
}

function listedText(listed: Step<readonly string[]>): string {
  if (listed.kind !== 'good') return 'no discovery';
  const { value: names } = listed;
  const shown = names.slice(0, MOST_NAMES).join(', ');
  const others = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : '';
  return `SendTargets names ${names.length === 0 ? 'no target' : shown}${others}`;
}

function outlookRow({ client, outcome, rootPath, reasons }: Outlook): string[] {
  return [clients[client].title, outcome, outcome === 'boots' ? (rootPath ?? '') : reasons.join('; ')];
}

function findingLines({ level, code, what, why, todo }: Finding): string[] {
  return ['', `${level}: ${what} (${code})`, `  why: ${why}`, `  do:  ${todo}`].map(printable);
}

function summary(findings: readonly Finding[]): string {
  const errors = findings.filter(({ level }) => level === 'error').length;
  const warnings = findings.length - errors;
  return findings.length === 0 ? 'nothing is wrong' : `${counted(errors, 'error')}, ${counted(warnings, 'warning')}`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
