/** Every Root Path that a server of either family names, with who that is. */

import type { Observation, SeenRootPath } from './observation.ts';

export interface NamedRootPath {
  readonly server: string;
  readonly family: 'ipv4' | 'ipv6';
  readonly rootPath: SeenRootPath;
}

/** Of one server each text once. */
export function namedRootPaths({ offers = [], dhcp6 }: Observation): NamedRootPath[] {
  const all: NamedRootPath[] = offers.flatMap(({ server, rootPath }) =>
    rootPath === undefined ? [] : [{ server, family: 'ipv4' as const, rootPath }],
  );
  const { plain } = dhcp6 ?? {};
  if (plain?.kind === 'answer' && plain.rootPath !== undefined) {
    all.push({ server: `DHCPv6 of ${plain.server}`, family: 'ipv6', rootPath: plain.rootPath });
  }
  return [...new Map(all.map((each) => [`${each.server} ${each.rootPath.text}`, each])).values()];
}
