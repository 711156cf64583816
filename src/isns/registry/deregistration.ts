/** DevDereg (RFC 4171 §5.6.5.4). */

import { type Attribute, addressOf, numberOf, textOf } from '../attribute.ts';
import { Status } from '../status.ts';
import { Tag } from '../tag.ts';
import type { Changes } from './changes.ts';
import type { Database } from './database.ts';
import { type Entity, type Portal, portalKey, type StorageNode } from './objects.ts';
import { Rejection } from './rejection.ts';
import { remove } from './removal.ts';

type Removable = Entity | Portal | StorageNode;

export interface Deregistration {
  readonly database: Database;
  readonly changes: Changes;
  readonly source: string;
  readonly isControlNode: boolean;
}

/** What is not there need not be removed. Raises Rejection, and ISNS_ATTRIBUTE_INVALID. */
export function deregister(
  { database, changes, source, isControlNode }: Deregistration,
  operating: readonly Attribute[],
): void {
  const named = objectsIn(database, operating);
  const own = database.nodes.get(source)?.entity;
  const foreign = named.filter(({ object }) => (object.type === 'entity' ? object.identifier : object.entity) !== own);
  if (!isControlNode && foreign.length > 0) {
    throw new Rejection(
      Status.sourceUnauthorized,
      `${source} is of another entity`,
      foreign.flatMap(({ attributes }) => attributes),
    );
  }
  for (const { object } of named) remove(database, changes, object);
}

interface Named {
  readonly object: Removable;
  readonly attributes: readonly Attribute[];
}

function objectsIn(database: Database, operating: readonly Attribute[]): Named[] {
  const named: Named[] = [];
  for (let at = 0; at < operating.length; ) {
    const [attribute, following] = [operating[at], operating[at + 1]];
    if (attribute === undefined) break;
    const isPair = attribute.tag === Tag.portalIpAddress;
    const object = isPair ? portalAt(database, attribute, following) : objectAt(database, attribute);
    const attributes = operating.slice(at, at + (isPair ? 2 : 1));
    if (object !== undefined) named.push({ object, attributes });
    at += attributes.length;
  }
  return named;
}

function portalAt(database: Database, address: Attribute, port: Attribute | undefined): Portal | undefined {
  if (port?.tag !== Tag.portalPort) {
    throw new Rejection(Status.messageFormatError, 'the address of a portal is not followed by its port');
  }
  return database.portals.get(portalKey({ address: addressOf(address), port: numberOf(port) }));
}

function objectAt(database: Database, attribute: Attribute): Removable | undefined {
  switch (attribute.tag) {
    case Tag.entityIdentifier:
      return database.entities.get(textOf(attribute));
    case Tag.iscsiName:
      return database.nodes.get(textOf(attribute));
    case Tag.portalIndex:
      return [...database.portals.values()].find(({ index }) => index === numberOf(attribute));
    case Tag.iscsiNodeIndex:
      return [...database.nodes.values()].find(({ index }) => index === numberOf(attribute));
    default:
      throw new Rejection(Status.invalidDeregistration, `attribute ${attribute.tag} names no object`, [attribute]);
  }
}
