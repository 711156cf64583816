/** Objects of a registration that may be carried out, as they go into the database (RFC 4171 §6.2 to §6.5). */

import { type Attribute, numberAttribute, numberOf } from '../attribute.ts';
import { EntityProtocol } from '../bitmap.ts';
import { Tag } from '../tag.ts';
import type { Database } from './database.ts';
import { type Entity, type OtherAttributes, type PortalKey, portalKey, type StorageNode } from './objects.ts';
import {
  DEFAULT_GROUP_TAG,
  numberIn,
  type PlannedGroup,
  type PlannedNode,
  type PlannedPortal,
  type RegistrationPlan,
  serverMadeIdentifier,
} from './registration-plan.ts';
import type { Registration } from './registration-request.ts';
import type { Subject } from './registration-subject.ts';
import type { RegistrySettings } from './settings.ts';

/** Gives the entity. */
export function store(registration: Registration, subject: Subject, plan: RegistrationPlan): Entity {
  const { database, changes } = registration;
  const entity = putEntity(registration, subject, plan);
  const added = plan.portals.filter((portal) => !database.portals.has(portalKey(portal)));
  const changed = plan.portals.filter((portal) => portal.attributes.size > 0 || added.includes(portal));
  for (const portal of plan.portals) putPortal(registration, entity, portal);
  for (const node of plan.nodes) putNode(registration, entity, node);
  for (const group of plan.groups) putGroup(registration, entity, group);
  relate(registration, entity, plan.nodes, database.portalsOf(entity.identifier));
  if (added.length > 0) relate(registration, entity, database.nodesOf(entity.identifier), added);
  for (const portal of changed) changes.portalChanged(database, portalKey(portal));
  return entity;
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

/** Every portal of an entity belongs to every node of it in some way: those of these that are new to each other begin to. */
function relate(
  { database }: Registration,
  { identifier }: Entity,
  nodes: readonly Pick<StorageNode, 'name'>[],
  portals: readonly PortalKey[],
): void {
  for (const { name } of nodes) {
    for (const { address, port } of portals) {
      if (database.groupBetween(name, { address, port }) !== undefined) continue;
      const index = database.takeIndex('portalGroup');
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
