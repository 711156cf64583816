/** Objects leave the database, and what depends on them alone goes too (RFC 4171 §5.6.5.4). */

import type { Changes } from './changes.ts';
import type { Database } from './database.ts';
import { type Entity, type Portal, type PortalGroup, portalKey, type StorageNode } from './objects.ts';

/** With its last portal and node, an entity goes as well. */
export function remove(database: Database, changes: Changes, object: Entity | Portal | StorageNode): void {
  if (object.type === 'entity') {
    removeEntity(database, changes, object.identifier);
    return;
  }
  if (object.type === 'node') takeNode(database, changes, object.name);
  else takePortal(database, changes, portalKey(object));
  removeIfEmpty(database, object.entity);
}

export function removeEntity(database: Database, changes: Changes, identifier: string): void {
  const entity = database.entities.get(identifier);
  if (entity === undefined) return;
  for (const node of database.nodesOf(identifier)) takeNode(database, changes, node.name);
  for (const portal of database.portalsOf(identifier)) takePortal(database, changes, portalKey(portal));
  database.remove(entity);
}

function takeNode(database: Database, changes: Changes, name: string): void {
  const node = database.nodes.get(name);
  if (node === undefined) return;
  database.remove(node);
  changes.nodeRemoved(database, node);
  for (const group of database.groupsOfNode(name)) removeIfAlone(database, group);
}

function takePortal(database: Database, changes: Changes, key: string): void {
  const portal = database.portals.get(key);
  if (portal === undefined) return;
  changes.portalChanged(database, key);
  database.remove(portal);
  for (const group of database.groupsOfPortal(key)) removeIfAlone(database, group);
}

/** A group stays as long as one side of it does: the other may come back. */
function removeIfAlone(database: Database, group: PortalGroup): void {
  if (database.nodes.has(group.nodeName) || database.portals.has(portalKey(group.portal))) return;
  database.remove(group);
}

function removeIfEmpty(database: Database, identifier: string): void {
  const entity = database.entities.get(identifier);
  if (entity === undefined) return;
  if (database.nodesOf(entity.identifier).length + database.portalsOf(entity.identifier).length > 0) return;
  database.remove(entity);
}
