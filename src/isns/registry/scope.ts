/**
 * What a node may see (RFC 4171 §2.2.2, §3.6): itself, and nodes that share an active discovery domain with it; of their portals those
 * that were put in such a domain, or all when none was. Control nodes see everything.
 */

import type { ObjectType } from '../tag.ts';
import type { Database } from './database.ts';
import { type Domain, type Portal, portalKey, type RegistryObject, type StorageNode } from './objects.ts';

export class Scope {
  readonly #database: Database;
  /** Undefined: everything. */
  readonly #source: string | undefined;
  /** Active domains of the source. */
  readonly #domains: ReadonlySet<Domain>;
  /** The source, and who shares one of them with it. */
  readonly #names: ReadonlySet<string>;

  private constructor(database: Database, source: string | undefined) {
    this.#database = database;
    this.#source = source;
    const domains = source === undefined ? [] : database.domainsOfNode(source);
    this.#domains = new Set(domains.filter((domain) => database.isActive(domain)));
    const members = [...this.#domains].flatMap(({ nodes }) => [...nodes.keys()]);
    this.#names = new Set(source === undefined ? [] : [source, ...members]);
  }

  static of(database: Database, source: string): Scope {
    return new Scope(database, source);
  }

  static everything(database: Database): Scope {
    return new Scope(database, undefined);
  }

  /** All objects of a type that can be seen. */
  all(type: ObjectType): RegistryObject[] {
    if (this.#source === undefined) return [...this.#database.table(type).values()];
    return this.#around(type).filter((object) => this.sees(object));
  }

  /** What the nodes that can be seen, or the domains, have to do with: nobody is made to look through everybody else’s. */
  #around(type: ObjectType): RegistryObject[] {
    const nodes = this.#nodes();
    const entities = [...new Set(nodes.map(({ entity }) => entity))];
    switch (type) {
      case 'entity':
        return entities.flatMap((identifier) => this.#database.entities.get(identifier) ?? []);
      case 'portal':
        return entities.flatMap((identifier) => this.#database.portalsOf(identifier));
      case 'node':
        return nodes;
      case 'portalGroup':
        return nodes.flatMap(({ name }) => this.#database.groupsOfNode(name));
      case 'domain':
        return [...this.#domains];
      case 'domainSet':
        return [...new Set([...this.#domains].flatMap((domain) => this.#database.setsOf(domain)))];
    }
  }

  /** Those that are registered. */
  #nodes(): StorageNode[] {
    return [...this.#names].flatMap((name) => this.#database.nodes.get(name) ?? []);
  }

  sees(object: RegistryObject): boolean {
    if (this.#source === undefined) return true;
    switch (object.type) {
      case 'entity':
        return this.#nodes().some(({ entity }) => entity === object.identifier);
      case 'portal':
        return this.#nodes().some((node) => node.entity === object.entity && this.#seesPortalOf(node, object));
      case 'node':
        return this.#names.has(object.name);
      case 'portalGroup': {
        const node = this.#database.nodes.get(object.nodeName);
        const portal = this.#database.portals.get(portalKey(object.portal));
        return node !== undefined && portal !== undefined && this.#seesPortalOf(node, portal);
      }
      case 'domain':
        return this.#domains.has(object);
      case 'domainSet':
        return object.isEnabled && [...this.#domains].some(({ id }) => object.domains.has(id));
    }
  }

  #sharedDomains(name: string): Domain[] {
    return this.#database.domainsOfNode(name).filter((domain) => this.#domains.has(domain));
  }

  #seesPortalOf(node: StorageNode, portal: Portal): boolean {
    if (this.#source === undefined || node.name === this.#source) return true;
    const own = this.#database.portalsOf(node.entity).map(portalKey);
    return this.#sharedDomains(node.name).some((domain) => {
      const listed = own.filter((key) => domain.portals.has(key));
      return listed.length === 0 || listed.includes(portalKey(portal));
    });
  }
}
