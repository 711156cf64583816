/** What each kind of client would come to. */

import { type ClientKind, clientKinds, clients, readingProblems } from './clients.ts';
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
  const disk = seen.disks.find(({ askedAs }) => askedAs === 'user' || askedAs === clients[client].asksAs);
  if (disk === undefined && clients[client].asksAs === 'dhcp6') return withoutDhcp6(client, seen);
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

function withoutDhcp6(client: ClientKind, { dhcp6 }: Observation): Outlook {
  if (dhcp6 === undefined) {
    return { client, rootPath: undefined, outcome: 'not looked at', reasons: ['it asks DHCPv6 (option 59)'] };
  }
  const reason = dhcp6.kind === 'none' ? dhcp6.error.code : 'DHCPv6 names no disk (option 59)';
  return { client, rootPath: undefined, outcome: 'fails', reasons: [reason] };
}
