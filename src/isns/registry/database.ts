/** All objects of an iSNS server, their tables and indexes, and which of them have changed since they were last kept. */

import type { ObjectType } from '../tag.ts';
import {
  type Domain,
  type DomainSet,
  type Entity,
  groupKey,
  indexOf,
  keyOf,
  type ObjectOf,
  type Portal,
  type PortalGroup,
  type PortalKey,
  type RegistryObject,
  type StorageNode,
} from './objects.ts';
import { encodeRecord, type RegistryRecord } from './record.ts';

/** Types whose numbers are counted up, so that one which was given back is not soon another's (RFC 4171 §2.10). */
const counted = ['entity', 'portal', 'node', 'portalGroup'] as const;
type Counted = (typeof counted)[number];

/** An object that is new, other than before, or gone. */
export interface Change {
  readonly type: ObjectType | 'counter';
  readonly key: string;
  /** Undefined: it is gone. */
  readonly record: Uint8Array | undefined;
}

type Tables = { readonly [Type in ObjectType]: Map<string, ObjectOf<Type>> };

export class Database {
  readonly #tables: Tables = {
    entity: new Map(),
    portal: new Map(),
    node: new Map(),
    portalGroup: new Map(),
    domain: new Map(),
    domainSet: new Map(),
  };
  /** By entity, by node and by portal: keys of what belongs to each. */
  readonly #portalsOfEntity = new Groups();
  readonly #nodesOfEntity = new Groups();
  readonly #groupsOfNode = new Groups();
  readonly #groupsOfPortal = new Groups();
  readonly #domainsOfNode = new Groups();
  readonly #domainsOfPortal = new Groups();
  readonly #setsOfDomain = new Groups();
  /** By symbolic name: keys. */
  readonly #domainsOfName = new Groups();
  /** Names of the nodes that are told of anything. */
  readonly #listeners = new Set<string>();
  readonly #nextIndex: Record<Counted, number> = { entity: 1, portal: 1, node: 1, portalGroup: 1 };
  readonly #changed = new Map<string, { type: Change['type']; key: string }>();

  /** Raises ISNS_STATE_CORRUPT. */
  static from(records: Iterable<RegistryRecord>): Database {
    const database = new Database();
    for (const record of records) {
      if (record.type === 'counter') database.#count(record.counted, record.next);
      else database.put(record.object);
    }
    database.#changed.clear();
    return database;
  }

  table<Type extends ObjectType>(type: Type): ReadonlyMap<string, ObjectOf<Type>> {
    return this.#tables[type];
  }

  get entities(): ReadonlyMap<string, Entity> {
    return this.#tables.entity;
  }
  get portals(): ReadonlyMap<string, Portal> {
    return this.#tables.portal;
  }
  get nodes(): ReadonlyMap<string, StorageNode> {
    return this.#tables.node;
  }
  get groups(): ReadonlyMap<string, PortalGroup> {
    return this.#tables.portalGroup;
  }
  get domains(): ReadonlyMap<string, Domain> {
    return this.#tables.domain;
  }
  get domainSets(): ReadonlyMap<string, DomainSet> {
    return this.#tables.domainSet;
  }

  /** How many objects there are. */
  get size(): number {
    return Object.values(this.#tables).reduce((sum, table) => sum + table.size, 0);
  }

  portalsOf(entity: string): Portal[] {
    return found(this.#portalsOfEntity.of(entity), this.portals);
  }
  hasNodes(entity: string): boolean {
    return this.#nodesOfEntity.has(entity);
  }
  nodesOf(entity: string): StorageNode[] {
    return found(this.#nodesOfEntity.of(entity), this.nodes);
  }
  groupsOfNode(name: string): PortalGroup[] {
    return found(this.#groupsOfNode.of(name), this.groups);
  }
  groupsOfPortal(portal: string): PortalGroup[] {
    return found(this.#groupsOfPortal.of(portal), this.groups);
  }
  domainsOfNode(name: string): Domain[] {
    return found(this.#domainsOfNode.of(name), this.domains);
  }
  domainsOfPortal(portal: string): Domain[] {
    return found(this.#domainsOfPortal.of(portal), this.domains);
  }
  setsOf(domain: Domain): DomainSet[] {
    return found(this.#setsOfDomain.of(String(domain.id)), this.domainSets);
  }

  domainsOfName(symbolicName: string): Domain[] {
    return found(this.#domainsOfName.of(symbolicName), this.domains);
  }
  listeners(): StorageNode[] {
    return found(this.#listeners, this.nodes);
  }

  /** A domain that is in no enabled set is as good as none (RFC 4171 §3.6). */
  isActive(domain: Domain): boolean {
    return this.setsOf(domain).some(({ isEnabled }) => isEnabled);
  }

  byIndex(type: ObjectType, index: number): RegistryObject | undefined {
    for (const object of this.#tables[type].values()) if (indexOf(object) === index) return object;
    return undefined;
  }

  /** The index of a node that is registered, or that a domain keeps a number for (RFC 4171 §5.6.5.9). */
  indexOfNode(name: string): number {
    const known = this.nodes.get(name)?.index ?? this.domainsOfNode(name)[0]?.nodes.get(name);
    return known ?? this.takeIndex('node');
  }

  indexOfPortal(key: string): number {
    const known = this.portals.get(key)?.index ?? this.domainsOfPortal(key)[0]?.portals.get(key)?.index;
    return known ?? this.takeIndex('portal');
  }

  takeIndex(type: Counted): number {
    const index = this.#nextIndex[type];
    this.#count(type, index + 1);
    return index;
  }

  /** A number that is not in use (RFC 4171 §6.2.8). */
  nextIndex(type: ObjectType): number {
    if (type !== 'domain' && type !== 'domainSet') return this.#nextIndex[type];
    // 1 is kept for the default domain (RFC 4171 §6.11.2.1).
    let highest = 1;
    for (const { id } of this.#tables[type].values()) highest = Math.max(highest, id);
    return highest + 1;
  }

  #count(type: Counted, next: number): void {
    this.#nextIndex[type] = Math.max(next, this.#nextIndex[type]);
    this.#note('counter', type);
  }

  put(object: RegistryObject): void {
    const key = keyOf(object);
    const table: Map<string, RegistryObject> = this.#tables[object.type];
    const old = table.get(key);
    if (old !== undefined) this.#relate(old, 'remove', object);
    table.set(key, object);
    this.#relate(object, 'add', old);
    this.#note(object.type, key);
  }

  remove(object: RegistryObject): void {
    const key = keyOf(object);
    if (!this.#tables[object.type].delete(key)) return;
    this.#relate(object, 'remove', undefined);
    this.#note(object.type, key);
  }

  /** Its client was heard of. That is not kept: a server that starts anew gives every client its whole period again. */
  touch(entity: Entity, timestamp: number): void {
    this.#tables.entity.set(entity.identifier, { ...entity, timestamp });
  }

  /** `other` is what has the same key after it or had it before: of a long list of members only the difference is looked at. */
  #relate(object: RegistryObject, how: 'add' | 'remove', other: RegistryObject | undefined): void {
    const key = keyOf(object);
    switch (object.type) {
      case 'entity':
        break;
      case 'portal':
        this.#portalsOfEntity[how](object.entity, key);
        break;
      case 'node':
        this.#nodesOfEntity[how](object.entity, key);
        if (how === 'add' && object.scnBitmap !== 0) this.#listeners.add(key);
        else this.#listeners.delete(key);
        break;
      case 'portalGroup':
        this.#groupsOfNode[how](object.nodeName, key);
        this.#groupsOfPortal[how](key.slice(object.nodeName.length + 1), key);
        break;
      case 'domain':
        for (const name of object.nodes.keys()) this.#domainsOfNode[how](name, key);
        for (const portal of object.portals.keys()) this.#domainsOfPortal[how](portal, key);
        this.#domainsOfName[how](object.symbolicName, key);
        break;
      case 'domainSet': {
        const others = other?.type === 'domainSet' ? other.domains : new Set<number>();
        for (const id of object.domains) if (!others.has(id)) this.#setsOfDomain[how](String(id), key);
        break;
      }
    }
  }

  #note(type: Change['type'], key: string): void {
    this.#changed.set(`${type} ${key}`, { type, key });
  }

  /** What has changed since this was asked last: to be kept before anybody is told that it was done. */
  takeChanges(): Change[] {
    const changes = Array.from(this.#changed.values(), ({ type, key }) => {
      if (type !== 'counter') {
        const object = this.#tables[type].get(key);
        return { type, key, record: object === undefined ? undefined : encodeRecord(object) };
      }
      const counter = counted.find((name) => name === key);
      const record =
        counter === undefined ? undefined : encodeRecord({ counted: counter, next: this.#nextIndex[counter] });
      return { type, key, record };
    });
    this.#changed.clear();
    return changes;
  }

  groupBetween(name: string, portal: PortalKey): PortalGroup | undefined {
    return this.groups.get(groupKey(name, portal));
  }
}

/** Sets of keys by what they belong to. */
class Groups {
  readonly #members = new Map<string, Set<string>>();

  has(owner: string): boolean {
    return this.#members.has(owner);
  }

  of(owner: string): Iterable<string> {
    return this.#members.get(owner) ?? [];
  }

  add(owner: string, member: string): void {
    const members = this.#members.get(owner);
    if (members === undefined) this.#members.set(owner, new Set([member]));
    else members.add(member);
  }

  remove(owner: string, member: string): void {
    const members = this.#members.get(owner);
    members?.delete(member);
    if (members?.size === 0) this.#members.delete(owner);
  }
}

function found<T>(keys: Iterable<string>, table: ReadonlyMap<string, T>): T[] {
  const objects: T[] = [];
  for (const key of keys) {
    const object = table.get(key);
    if (object !== undefined) objects.push(object);
  }
  return objects;
}
