/**
 * What a node may see (RFC 4171 §2.2.2, §3.6): itself, and nodes that share an active discovery domain with it; of their portals those
 * that were put in such a domain, or all when none was. Control nodes see everything.
 */

import type { ObjectType } from '../tag.ts';
import type { Database } from './database.ts';
import {
  type Domain,
  type ObjectOf,
  type Portal,
  portalKey,
  type RegistryObject,
  type StorageNode,
} from './objects.ts';

export class Scope {
  readonly #database: Database;
  /** Undefined: everything. */
  readonly #source: string | undefined;
  /** Active domains of the source. */
  readonly #domains: ReadonlySet<Domain>;

  private constructor(database: Database, source: string | undefined) {
    this.#database = database;
    this.#source = source;
    const domains = source === undefined ? [] : database.domainsOfNode(source);
    this.#domains = new Set(domains.filter((domain) => database.isActive(domain)));
  }

  static of(database: Database, source: string): Scope {
    return new Scope(database, source);
  }

  static everything(database: Database): Scope {
    return new Scope(database, undefined);
  }

  /** All objects of a type that can be seen. */
  all<Type extends ObjectType>(type: Type): ObjectOf<Type>[] {
    return [...this.#database.table(type).values()].filter((object) => this.sees(object));
  }

  sees(object: RegistryObject): boolean {
    if (this.#source === undefined) return true;
    switch (object.type) {
      case 'entity':
        return this.#database.nodesOf(object.identifier).some((node) => this.#seesNode(node.name));
      case 'portal':
        return this.#database.nodesOf(object.entity).some((node) => this.#seesPortalOf(node, object));
      case 'node':
        return this.#seesNode(object.name);
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

  #seesNode(name: string): boolean {
    return name === this.#source || this.#sharedDomains(name).length > 0;
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
