/** DevAttrReg: objects are registered, updated and replaced (RFC 4171 §5.6.5.1). A request is carried out whole or not at all. */

import { type Attribute, addressOf, numberAttribute, numberOf, textAttribute, textOf } from '../attribute.ts';
import { EntityProtocol, managementBits, NodeType } from '../bitmap.ts';
import type { RequestSections } from '../message.ts';
import { Status } from '../status.ts';
import { Tag } from '../tag.ts';
import type { Changes } from './changes.ts';
import type { Database } from './database.ts';
import {
  type Entity,
  keyAttributes,
  type OtherAttributes,
  type Portal,
  portalKey,
  type StorageNode,
} from './objects.ts';
import { registered } from './registration-answer.ts';
import {
  DEFAULT_GROUP_TAG,
  isServerMade,
  type PlannedGroup,
  type PlannedNode,
  type PlannedPortal,
  planRegistration,
  type RegistrationPlan,
  serverMadeIdentifier,
} from './registration-plan.ts';
import { Rejection } from './rejection.ts';
import { remove } from './removal.ts';
import type { RegistrySettings } from './settings.ts';

export interface Registration {
  readonly database: Database;
  readonly changes: Changes;
  readonly settings: RegistrySettings;
  /** Prepared name of whoever asks. */
  readonly source: string;
  readonly isControlNode: boolean;
  readonly replace: boolean;
  /** Seconds since the Unix epoch. */
  readonly now: number;
}

/** What the message key names (RFC 4171 §5.6.5.1). */
type Subject =
  | { readonly kind: 'new'; readonly identifier: string | undefined }
  | { readonly kind: 'entity'; readonly entity: Entity }
  | { readonly kind: 'portal'; readonly entity: Entity; readonly portal: Portal }
  | { readonly kind: 'node'; readonly entity: Entity; readonly node: StorageNode };

const invalid = (message: string, attributes: readonly Attribute[] = []): Rejection =>
  new Rejection(Status.invalidRegistration, message, attributes);

/** Key and operating attributes of the response. Raises Rejection, and ISNS_ATTRIBUTE_INVALID. */
export function register(
  registration: Registration,
  sections: RequestSections,
): Pick<RequestSections, 'key' | 'operating'> {
  const { database, settings } = registration;
  const plan = planRegistration(sections.operating, settings.parseName);
  const subject = subjectOf(database, sections.key, plan);
  checkContents(subject, plan);
  checkOwners(registration, subject, plan);
  checkNodeTypes(registration, plan);
  checkMonitoring(database, subject, plan, registration.replace);
  const room = plan.portals.length + plan.nodes.length + plan.groups.length + plan.portals.length * plan.nodes.length;
  if (database.size + room > settings.maxObjects) throw new Rejection(Status.busy, 'the database is full');

  if (registration.replace && subject.kind !== 'new') remove(database, registration.changes, objectOf(subject));
  const entity = putEntity(registration, subject, plan);
  const changed = plan.portals.filter(
    (portal) => portal.attributes.size > 0 || !database.portals.has(portalKey(portal)),
  );
  for (const portal of plan.portals) putPortal(registration, entity, portal);
  for (const node of plan.nodes) putNode(registration, entity, node);
  for (const group of plan.groups) putGroup(registration, entity, group);
  relate(registration, entity);
  for (const portal of changed) registration.changes.portalChanged(database, portalKey(portal));
  return {
    key: subject.kind === 'new' ? keyAttributes(entity) : sections.key,
    operating: registered(database, entity, plan, subject.kind === 'new' || plan.entity !== undefined),
  };
}

function subjectOf(database: Database, key: readonly Attribute[], plan: RegistrationPlan): Subject {
  const [first, second] = key;
  // An identifier among the operating attributes names the entity too; one that is empty is still to be made.
  if (first === undefined) return subjectOfEntity(database, plan.entity?.identifier ?? '');
  if (first.tag === Tag.entityIdentifier && key.length === 1) {
    const identifier = textOf(first);
    if (plan.entity !== undefined && plan.entity.identifier !== identifier) throw invalid('two entities are named');
    return subjectOfEntity(database, identifier);
  }
  if (first.tag === Tag.iscsiName && key.length === 1) {
    const node = database.nodes.get(textOf(first));
    const entity = node === undefined ? undefined : database.entities.get(node.entity);
    if (node === undefined || entity === undefined) throw invalid('there is no such node', key);
    return { kind: 'node', entity, node };
  }
  if (first.tag === Tag.portalIpAddress && second?.tag === Tag.portalPort && key.length === 2) {
    const portal = database.portals.get(portalKey({ address: addressOf(first), port: numberOf(second) }));
    const entity = portal === undefined ? undefined : database.entities.get(portal.entity);
    if (portal === undefined || entity === undefined) throw invalid('there is no such portal', key);
    return { kind: 'portal', entity, portal };
  }
  if (first.tag === Tag.pgIndex) {
    throw new Rejection(Status.registrationFeatureNotSupported, 'portal groups are registered with portals and nodes');
  }
  throw invalid('the key is none of an entity, a portal or a node', key);
}

function subjectOfEntity(database: Database, identifier: string): Subject {
  const entity = database.entities.get(identifier);
  if (entity !== undefined) return { kind: 'entity', entity };
  if (isServerMade(identifier)) {
    throw invalid('identifiers of this form are the server’s to give', [
      textAttribute(Tag.entityIdentifier, identifier),
    ]);
  }
  return { kind: 'new', identifier: identifier === '' ? undefined : identifier };
}

function objectOf(subject: Exclude<Subject, { kind: 'new' }>): Entity | Portal | StorageNode {
  switch (subject.kind) {
    case 'entity':
      return subject.entity;
    case 'portal':
      return subject.portal;
    case 'node':
      return subject.node;
  }
}

/** What may be in the operating attributes: the object of the key first, then what is subordinate to it. */
function checkContents(subject: Subject, plan: RegistrationPlan): void {
  const { entity, portals, nodes } = plan;
  switch (subject.kind) {
    case 'new':
      if (portals.length + nodes.length === 0) throw invalid('a new entity has neither a portal nor a node');
      return;
    case 'entity':
      if (entity === undefined && portals.length + nodes.length === 0) throw invalid('nothing is to be registered');
      return;
    case 'node':
      if (entity === undefined && portals.length === 0 && nodes.length === 1 && nodes[0]?.name === subject.node.name)
        return;
      throw invalid('other objects than the node of the key are there');
    case 'portal': {
      const [portal] = portals;
      const isIt = portal !== undefined && portalKey(portal) === portalKey(subject.portal);
      if (entity === undefined && nodes.length === 0 && portals.length === 1 && isIt) return;
      throw invalid('other objects than the portal of the key are there');
    }
  }
}

/** Only who belongs to an entity changes it, but for control nodes; and nothing moves to another entity (RFC 4171 §5.6.1). */
function checkOwners(registration: Registration, subject: Subject, plan: RegistrationPlan): void {
  const { database, source, isControlNode } = registration;
  const owner = subject.kind === 'new' ? undefined : subject.entity.identifier;
  for (const name of [...plan.nodes.map((node) => node.name), ...plan.groups.map(({ nodeName }) => nodeName)]) {
    const node = database.nodes.get(name);
    if (node !== undefined && node.entity !== owner) {
      throw invalid('a node belongs to another entity', [textAttribute(Tag.iscsiName, name)]);
    }
  }
  for (const portal of [...plan.portals, ...plan.groups.map((group) => group.portal)]) {
    const known = database.portals.get(portalKey(portal));
    if (known !== undefined && known.entity !== owner)
      throw invalid('a portal belongs to another entity', keyAttributes(known));
  }
  // Whose entity has no nodes left is anybody's who comes as one: the node that was in it may want to come back.
  const isNobodys = owner === undefined || database.nodesOf(owner).length === 0;
  const isOwn = isNobodys
    ? plan.nodes.some(({ name }) => name === source)
    : database.nodes.get(source)?.entity === owner;
  if (!isControlNode && !isOwn) {
    throw new Rejection(Status.sourceUnauthorized, `${source} is no node of the entity`);
  }
}

/** Who is a control node is the administrator's to say (RFC 4171 §6.4.2). */
function checkNodeTypes({ settings, database }: Registration, plan: RegistrationPlan): void {
  for (const { name, attributes } of plan.nodes) {
    const type = attributes.get(Tag.iscsiNodeType);
    if (type === undefined && !database.nodes.has(name)) throw invalid('a new node has no type');
    const asksForControl = type !== undefined && (numberOf(type) & NodeType.control) !== 0;
    if (asksForControl && !settings.controlNodes.has(name)) {
      throw new Rejection(Status.sourceUnauthorized, `${name} is no control node`, [type]);
    }
    const isManaging = (numberIn(attributes, Tag.iscsiScnBitmap) & managementBits) !== 0;
    if (isManaging && !settings.controlNodes.has(name)) {
      throw new Rejection(Status.scnRegistrationRejected, `${name} is no control node`);
    }
  }
}

/** An entity that is to be monitored has an ESI port (RFC 4171 §6.3.5). */
function checkMonitoring(database: Database, subject: Subject, plan: RegistrationPlan, replace: boolean): void {
  const isMonitored = plan.portals.some(({ attributes }) => numberIn(attributes, Tag.esiInterval) > 0);
  const hasPort = plan.portals.some(({ attributes }) => numberIn(attributes, Tag.esiPort) > 0);
  const known = subject.kind === 'new' || replace ? [] : database.portalsOf(subject.entity.identifier);
  if (isMonitored && !hasPort && !known.some(({ others }) => others.has(Tag.esiPort))) {
    throw invalid('status inquiries are asked for, but there is no port for them');
  }
}

function numberIn(attributes: ReadonlyMap<number, Attribute>, tag: number): number {
  const attribute = attributes.get(tag);
  return attribute === undefined || attribute.value.length === 0 ? 0 : numberOf(attribute);
}

function putEntity(registration: Registration, subject: Subject, plan: RegistrationPlan): Entity {
  const { database, settings, now, replace } = registration;
  const isReplaced = subject.kind === 'new' || (replace && subject.kind === 'entity');
  const known = isReplaced ? undefined : subject.entity;
  const index = subject.kind === 'new' ? database.takeIndex('entity') : subject.entity.index;
  const asked = plan.entity?.attributes.get(Tag.registrationPeriod);
  const period = asked === undefined ? known?.registrationPeriod : numberOf(asked);
  const entity: Entity = {
    type: 'entity',
    identifier:
      subject.kind === 'new' ? (subject.identifier ?? serverMadeIdentifier(index)) : subject.entity.identifier,
    index,
    others: withProtocol(merged(known?.others, plan.entity?.attributes, [Tag.registrationPeriod, Tag.entityIndex])),
    registrationPeriod: periodOf(period, isMonitored(database, known, plan), settings),
    timestamp: now,
  };
  database.put(entity);
  return entity;
}

/** RFC 4171 §6.2.2 requires it of the first registration; open-isns's clients leave it out, and speak iSCSI. */
function withProtocol(others: OtherAttributes): OtherAttributes {
  if (others.has(Tag.entityProtocol)) return others;
  return new Map(others).set(Tag.entityProtocol, numberAttribute(Tag.entityProtocol, EntityProtocol.iscsi).value);
}

/** Without status inquiries, a registration must end by itself (RFC 4171 §6.2.6). */
function periodOf(asked: number | undefined, monitored: boolean, settings: RegistrySettings): number {
  if (asked !== undefined && asked > 0) return asked;
  return monitored ? 0 : settings.registrationPeriod;
}

function isMonitored(database: Database, known: Entity | undefined, plan: RegistrationPlan): boolean {
  if (plan.portals.some(({ attributes }) => numberIn(attributes, Tag.esiInterval) > 0)) return true;
  return known !== undefined && database.portalsOf(known.identifier).some(({ others }) => others.has(Tag.esiInterval));
}

/** A value without any bytes takes the old one away. What is kept in fields of its own, and the server's numbers, stay out. */
function merged(
  known: OtherAttributes | undefined,
  planned: ReadonlyMap<number, Attribute> | undefined,
  apart: readonly number[],
): OtherAttributes {
  const others = new Map(known);
  for (const [tag, { value }] of planned ?? []) {
    if (apart.includes(tag)) continue;
    if (value.length === 0) others.delete(tag);
    else others.set(tag, value);
  }
  return others;
}

function putPortal({ database, settings }: Registration, entity: Entity, planned: PlannedPortal): void {
  const { address, port } = planned;
  const key = portalKey(planned);
  const known = database.portals.get(key);
  const others = new Map(merged(known?.others, planned.attributes, [Tag.portalIndex]));
  const interval = numberIn(planned.attributes, Tag.esiInterval);
  if (interval > 0 && interval < settings.leastEsiInterval) {
    others.set(Tag.esiInterval, numberAttribute(Tag.esiInterval, settings.leastEsiInterval).value);
  }
  const index = known?.index ?? database.indexOfPortal(key);
  database.put({ type: 'portal', address, port, entity: entity.identifier, index, others });
}

function putNode({ database, changes }: Registration, entity: Entity, planned: PlannedNode): void {
  const { name, attributes } = planned;
  const known = database.nodes.get(name);
  const type = attributes.get(Tag.iscsiNodeType);
  const bitmap = attributes.get(Tag.iscsiScnBitmap);
  const node: StorageNode = {
    type: 'node',
    name,
    entity: entity.identifier,
    index: known?.index ?? database.indexOfNode(name),
    nodeType: type === undefined ? (known?.nodeType ?? 0) : numberOf(type),
    scnBitmap: bitmap === undefined ? (known?.scnBitmap ?? 0) : numberOf(bitmap),
    others: merged(known?.others, attributes, [Tag.iscsiNodeType, Tag.iscsiScnBitmap, Tag.iscsiNodeIndex]),
  };
  database.put(node);
  if (known === undefined) changes.nodeAdded(database, name);
  else if (attributes.size > 0) changes.nodeUpdated(database, name);
}

function putGroup({ database, changes }: Registration, entity: Entity, planned: PlannedGroup): void {
  const { nodeName, portal, tag } = planned;
  const known = database.groups.get(`${nodeName} ${portalKey(portal)}`);
  const index = known?.index ?? database.takeIndex('portalGroup');
  database.put({ type: 'portalGroup', nodeName, portal, entity: entity.identifier, index, tag });
  changes.nodeUpdated(database, nodeName);
}

/** Every portal of an entity belongs to every node of it in some way. */
function relate({ database }: Registration, { identifier }: Entity): void {
  for (const { name } of database.nodesOf(identifier)) {
    for (const portal of database.portalsOf(identifier)) {
      if (database.groupBetween(name, portal) !== undefined) continue;
      const index = database.takeIndex('portalGroup');
      const { address, port } = portal;
      database.put({
        type: 'portalGroup',
        nodeName: name,
        portal: { address, port },
        entity: identifier,
        index,
        tag: DEFAULT_GROUP_TAG,
      });
    }
  }
}
