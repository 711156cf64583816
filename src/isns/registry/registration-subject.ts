/** What a registration is about: the object that its message key names (RFC 4171 §5.6.5.1). */

import { type Attribute, addressOf, numberOf, textAttribute, textOf } from '../attribute.ts';
import { Status } from '../status.ts';
import { Tag } from '../tag.ts';
import type { Database } from './database.ts';
import { type Entity, type Portal, portalKey, type StorageNode } from './objects.ts';
import { isServerMade, type RegistrationPlan } from './registration-plan.ts';
import { invalidRegistration, Rejection } from './rejection.ts';

export type Subject =
  | { readonly kind: 'new'; readonly identifier: string | undefined }
  | { readonly kind: 'entity'; readonly entity: Entity }
  | { readonly kind: 'portal'; readonly entity: Entity; readonly portal: Portal }
  | { readonly kind: 'node'; readonly entity: Entity; readonly node: StorageNode };

/** Raises Rejection. */
export function subjectOf(database: Database, key: readonly Attribute[], plan: RegistrationPlan): Subject {
  const [first, second] = key;
  // An identifier among the operating attributes names the entity too; one that is empty is still to be made.
  if (first === undefined) return subjectOfEntity(database, plan.entity?.identifier ?? '');
  if (first.tag === Tag.entityIdentifier && key.length === 1) {
    const identifier = textOf(first);
    if (plan.entity !== undefined && plan.entity.identifier !== identifier)
      throw invalidRegistration('two entities are named');
    return subjectOfEntity(database, identifier);
  }
  if (first.tag === Tag.iscsiName && key.length === 1) {
    const node = database.nodes.get(textOf(first));
    const entity = node === undefined ? undefined : database.entities.get(node.entity);
    if (node === undefined || entity === undefined) throw invalidRegistration('there is no such node', key);
    return { kind: 'node', entity, node };
  }
  if (first.tag === Tag.portalIpAddress && second?.tag === Tag.portalPort && key.length === 2) {
    const portal = database.portals.get(portalKey({ address: addressOf(first), port: numberOf(second) }));
    const entity = portal === undefined ? undefined : database.entities.get(portal.entity);
    if (portal === undefined || entity === undefined) throw invalidRegistration('there is no such portal', key);
    return { kind: 'portal', entity, portal };
  }
  if (first.tag === Tag.pgIndex) {
    throw new Rejection(Status.registrationFeatureNotSupported, 'portal groups are registered with portals and nodes');
  }
  throw invalidRegistration('the key is none of an entity, a portal or a node', key);
}

function subjectOfEntity(database: Database, identifier: string): Subject {
  const entity = database.entities.get(identifier);
  if (entity !== undefined) return { kind: 'entity', entity };
  if (isServerMade(identifier)) {
    throw invalidRegistration('identifiers of this form are the server’s to give', [
      textAttribute(Tag.entityIdentifier, identifier),
    ]);
  }
  return { kind: 'new', identifier: identifier === '' ? undefined : identifier };
}

export function objectOf(subject: Exclude<Subject, { kind: 'new' }>): Entity | Portal | StorageNode {
  switch (subject.kind) {
    case 'entity':
      return subject.entity;
    case 'portal':
      return subject.portal;
    case 'node':
      return subject.node;
  }
}
