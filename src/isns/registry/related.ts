/** Which objects have to do with an object (RFC 4171 §3.8): what a query gives beside the one that its key found. */

import type { ObjectType } from '../tag.ts';
import type { Database } from './database.ts';
import { type Domain, type PortalGroup, portalKey, type RegistryObject, type StorageNode } from './objects.ts';

/** The object itself when it is of the type that is wanted. */
export function related(database: Database, object: RegistryObject, wanted: ObjectType): RegistryObject[] {
  if (object.type === wanted) return [object];
  switch (object.type) {
    case 'entity':
      return ofNodes(database, database.nodesOf(object.identifier), wanted, () =>
        database.portalsOf(object.identifier),
      );
    case 'portal':
      return ofPortal(database, database.groupsOfPortal(portalKey(object)).filter(leads), object, wanted);
    case 'node':
      return ofNodes(database, [object], wanted, () => portalsOfNode(database, object));
    case 'portalGroup':
      return ofGroup(database, object, wanted);
    case 'domain':
      return ofDomain(database, object, wanted);
    case 'domainSet':
      return unique(
        [...object.domains]
          .flatMap((id) => database.domains.get(String(id)) ?? [])
          .flatMap((one) => related(database, one, wanted)),
      );
  }
}

/** A group without a tag relates nothing (RFC 4171 §5.6.5.2). */
function leads({ tag }: PortalGroup): boolean {
  return tag !== undefined;
}

function portalsOfNode(database: Database, node: StorageNode): RegistryObject[] {
  const groups = database.groupsOfNode(node.name).filter(leads);
  return groups.flatMap(({ portal }) => database.portals.get(portalKey(portal)) ?? []);
}

function ofNodes(
  database: Database,
  nodes: readonly StorageNode[],
  wanted: ObjectType,
  portals: () => RegistryObject[],
): RegistryObject[] {
  switch (wanted) {
    case 'entity':
      return unique(nodes.flatMap(({ entity }) => database.entities.get(entity) ?? []));
    case 'portal':
      return unique(portals());
    case 'node':
      return [...nodes];
    case 'portalGroup':
      return nodes.flatMap(({ name }) => database.groupsOfNode(name).filter(leads));
    case 'domain':
      return unique(nodes.flatMap(({ name }) => database.domainsOfNode(name)));
    case 'domainSet':
      return unique(nodes.flatMap(({ name }) => database.domainsOfNode(name)).flatMap((one) => database.setsOf(one)));
  }
}

function ofPortal(
  database: Database,
  groups: readonly PortalGroup[],
  portal: Extract<RegistryObject, { type: 'portal' }>,
  wanted: ObjectType,
): RegistryObject[] {
  switch (wanted) {
    case 'entity':
      return optional(database.entities.get(portal.entity));
    case 'portal':
      return [portal];
    case 'node':
      return groups.flatMap(({ nodeName }) => database.nodes.get(nodeName) ?? []);
    case 'portalGroup':
      return [...groups];
    case 'domain':
      return database.domainsOfPortal(portalKey(portal));
    case 'domainSet':
      return unique(database.domainsOfPortal(portalKey(portal)).flatMap((one) => database.setsOf(one)));
  }
}

function ofGroup(database: Database, group: PortalGroup, wanted: ObjectType): RegistryObject[] {
  const node = database.nodes.get(group.nodeName);
  if (wanted === 'portal') return optional(database.portals.get(portalKey(group.portal)));
  if (wanted === 'entity') return optional(database.entities.get(group.entity));
  return node === undefined ? [] : related(database, node, wanted);
}

/** Members that are registered (RFC 4171 §5.6.5.2). */
function ofDomain(database: Database, domain: Domain, wanted: ObjectType): RegistryObject[] {
  const nodes = [...domain.nodes.keys()].flatMap((name) => database.nodes.get(name) ?? []);
  if (wanted === 'domainSet') return database.setsOf(domain);
  return ofNodes(database, nodes, wanted, () => {
    return [...domain.portals.keys()].flatMap((key) => database.portals.get(key) ?? []);
  });
}

export function optional<T>(object: T | undefined): T[] {
  return object === undefined ? [] : [object];
}

function unique<T>(objects: readonly T[]): T[] {
  return [...new Set(objects)];
}
