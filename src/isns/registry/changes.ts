/** What requests change, gathered until those who asked to be told are (RFC 4171 §5.6.5.8, §6.4.4). */

import { ScnBitmap } from '../bitmap.ts';
import type { Database } from './database.ts';
import type { Domain, DomainSet, StorageNode } from './objects.ts';

export interface ChangeEvent {
  /** One of ScnBitmap's events. */
  readonly event: number;
  /** Undefined: a domain or a set itself is what changed, which only control nodes are told. */
  readonly node: Pick<StorageNode, 'name' | 'nodeType'> | undefined;
  /** Names of the only nodes that are told; undefined: all that share an active domain with it. */
  readonly audience: ReadonlySet<string> | undefined;
  /** What control nodes are told beside it. */
  readonly domains: readonly number[];
  readonly domainSets: readonly number[];
}

export class Changes {
  #events: ChangeEvent[] = [];

  nodeAdded(database: Database, name: string): void {
    this.#node(database, database.nodes.get(name), ScnBitmap.objectAdded);
  }

  /** One update is told once, and none of what is new. */
  nodeUpdated(database: Database, name: string): void {
    const last = this.#events.findLast(({ node }) => node?.name === name);
    if (last === undefined || last.event === ScnBitmap.objectRemoved) {
      this.#node(database, database.nodes.get(name), ScnBitmap.objectUpdated);
    }
  }

  nodeRemoved(database: Database, node: StorageNode): void {
    this.#node(database, node, ScnBitmap.objectRemoved);
  }

  /** Every node that it leads to is updated (RFC 4171 §5.6.5.8). */
  portalChanged(database: Database, key: string): void {
    for (const { nodeName, tag } of database.groupsOfPortal(key)) {
      if (tag !== undefined) this.nodeUpdated(database, nodeName);
    }
  }

  /** What a node asks to be told of itself. */
  requested(database: Database, node: StorageNode, event: number): void {
    this.#node(database, node, event);
  }

  #node(database: Database, node: StorageNode | undefined, event: number): void {
    if (node === undefined) return;
    const domains = database.domainsOfNode(node.name).filter((domain) => database.isActive(domain));
    this.#events.push({
      event,
      node,
      audience: undefined,
      domains: domains.map(({ id }) => id),
      domainSets: setIds(database, domains),
    });
  }

  /**
   * Carries out a change of domains or sets, and finds who sees whom since, and who no longer. `affected` are the names of all members,
   * before it and after it, of domains that it changes, makes active or makes inactive.
   */
  aroundDomains(database: Database, affected: ReadonlySet<string>, change: () => void): void {
    const listeners = [...affected].filter((name) => (database.nodes.get(name)?.scnBitmap ?? 0) !== 0);
    const before = new Map(listeners.map((name) => [name, visibleFrom(database, name, affected)]));
    change();
    for (const name of listeners) {
      const [was, is] = [before.get(name) ?? new Set<string>(), visibleFrom(database, name, affected)];
      this.#tell(database, name, is.difference(was), ScnBitmap.objectAdded);
      this.#tell(database, name, was.difference(is), ScnBitmap.objectRemoved);
    }
  }

  #tell(database: Database, listener: string, names: ReadonlySet<string>, event: number): void {
    for (const name of names) {
      const node = database.nodes.get(name);
      if (node === undefined) continue;
      this.#events.push({ event, node, audience: new Set([listener]), domains: [], domainSets: [] });
    }
  }

  /** For control nodes: the domain itself, or a member of it. */
  domain(database: Database, domain: Domain, event: number, memberName?: string): void {
    const sets = database.setsOf(domain).map(({ id }) => id);
    this.#forControlNodes(database, event, memberName, [domain.id], sets);
  }

  domainSet(database: Database, set: DomainSet, event: number, member?: number): void {
    this.#forControlNodes(database, event, undefined, member === undefined ? [] : [member], [set.id]);
  }

  #forControlNodes(
    database: Database,
    event: number,
    memberName: string | undefined,
    domains: readonly number[],
    domainSets: readonly number[],
  ): void {
    const nodeType = memberName === undefined ? 0 : (database.nodes.get(memberName)?.nodeType ?? 0);
    const node = memberName === undefined ? undefined : { name: memberName, nodeType };
    this.#events.push({ event, node, audience: new Set(), domains, domainSets });
  }

  take(): readonly ChangeEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }
}

function visibleFrom(database: Database, name: string, among: ReadonlySet<string>): Set<string> {
  const visible = new Set<string>();
  for (const domain of database.domainsOfNode(name)) {
    if (!database.isActive(domain)) continue;
    for (const member of domain.nodes.keys()) {
      if (member !== name && among.has(member) && database.nodes.has(member)) visible.add(member);
    }
  }
  return visible;
}

function setIds(database: Database, domains: readonly Domain[]): number[] {
  const sets = domains.flatMap((domain) => database.setsOf(domain)).filter(({ isEnabled }) => isEnabled);
  return [...new Set(sets.map(({ id }) => id))];
}
