/** What each kind of client would come to. */

import { type ClientKind, clientKinds, clients, isFor, readingProblems } from './clients.ts';
import type { Finding } from './finding.ts';
import type { Observation } from './observation.ts';

export interface Outlook {
  readonly client: ClientKind;
  /** The Root Path that it gets. */
  readonly rootPath: string | undefined;
  readonly outcome: 'boots' | 'fails' | 'not looked at';
  /** Why it fails. */
  readonly reasons: readonly string[];
}

export function outlooks(seen: Observation, findings: readonly Finding[]): Outlook[] {
  return clientKinds.map((client) => outlookOf(client, seen, findings));
}

function outlookOf(client: ClientKind, seen: Observation, findings: readonly Finding[]): Outlook {
  const disk = seen.disks.find((each) => isFor(client, each));
  if (disk === undefined && clients[client].family === 'ipv6') return overDhcp6(client, seen, findings);
  const concerns = findings.filter(
    ({ level, clients: whom, rootPath = disk?.text }) =>
      level === 'error' && rootPath === disk?.text && (whom?.includes(client) ?? true),
  );
  const problems = disk === undefined ? [] : readingProblems(client, disk.text, disk.path);
  const codes = concerns.map(({ code }) => code);
  const reasons = [...problems.map((problem) => `it ${problem}`), ...codes];
  const fails = reasons.length > 0 || disk === undefined;
  return { client, rootPath: disk?.text, outcome: fails ? 'fails' : 'boots', reasons };
}

function overDhcp6(client: ClientKind, { dhcp6 }: Observation, findings: readonly Finding[]): Outlook {
  if (dhcp6 === undefined) {
    return { client, rootPath: undefined, outcome: 'not looked at', reasons: ['it asks DHCPv6 (option 59)'] };
  }
  const answer = dhcp6[clients[client].asksAs];
  if (answer.kind === 'none') return { client, rootPath: undefined, outcome: 'fails', reasons: [answer.error.code] };
  return client === 'ipxe-v6' ? ofScript(client, answer.bootFileUrl) : withoutDisk(client, findings);
}

function withoutDisk(client: ClientKind, findings: readonly Finding[]): Outlook {
  const codes = findings.filter(({ level, clients: whom }) => level === 'error' && whom?.includes(client));
  const reasons = codes.length > 0 ? codes.map(({ code }) => code) : ['DHCPv6 names no disk (option 59)'];
  return { client, rootPath: undefined, outcome: 'fails', reasons };
}

function ofScript(client: ClientKind, url: string | undefined): Outlook {
  if (url !== undefined && !/^iscsi:/i.test(url)) {
    return { client, rootPath: undefined, outcome: 'not looked at', reasons: [`it starts from ${url}`] };
  }
  const why = 'it has no Root Path over DHCPv6, and needs the URL of a script that names the disk (option 59)';
  return { client, rootPath: undefined, outcome: 'fails', reasons: [why] };
}
