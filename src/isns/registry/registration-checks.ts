/** What a registration must keep to, beside its form (RFC 4171 §5.6.1, §5.6.5.1, §6.3.5, §6.4.2). Each raises Rejection. */

import { numberOf, textAttribute } from '../attribute.ts';
import { managementBits, NodeType } from '../bitmap.ts';
import { Status } from '../status.ts';
import { Tag } from '../tag.ts';
import { keyAttributes, portalKey } from './objects.ts';
import { numberIn, type RegistrationPlan } from './registration-plan.ts';
import type { Registration } from './registration-request.ts';
import type { Subject } from './registration-subject.ts';
import { invalidRegistration, Rejection } from './rejection.ts';

export function checkRegistration(registration: Registration, subject: Subject, plan: RegistrationPlan): void {
  checkContents(subject, plan);
  checkOwners(registration, subject, plan);
  checkNodeTypes(registration, plan);
  checkMonitoring(registration, subject, plan);
  checkRoom(registration, plan);
}

/** What may be in the operating attributes: the object of the key first, then what is subordinate to it. */
function checkContents(subject: Subject, plan: RegistrationPlan): void {
  const { entity, portals, nodes } = plan;
  switch (subject.kind) {
    case 'new':
      if (portals.length + nodes.length === 0)
        throw invalidRegistration('a new entity has neither a portal nor a node');
      return;
    case 'entity':
      if (entity === undefined && portals.length + nodes.length === 0)
        throw invalidRegistration('nothing is to be registered');
      return;
    case 'node':
      if (entity === undefined && portals.length === 0 && nodes.length === 1 && nodes[0]?.name === subject.node.name)
        return;
      throw invalidRegistration('other objects than the node of the key are there');
    case 'portal': {
      const [portal] = portals;
      const isIt = portal !== undefined && portalKey(portal) === portalKey(subject.portal);
      if (entity === undefined && nodes.length === 0 && portals.length === 1 && isIt) return;
      throw invalidRegistration('other objects than the portal of the key are there');
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
      throw invalidRegistration('a node belongs to another entity', [textAttribute(Tag.iscsiName, name)]);
    }
  }
  for (const portal of [...plan.portals, ...plan.groups.map((group) => group.portal)]) {
    const known = database.portals.get(portalKey(portal));
    if (known !== undefined && known.entity !== owner)
      throw invalidRegistration('a portal belongs to another entity', keyAttributes(known));
  }
  // Whose entity has no nodes left is anybody's who comes as one: the node that was in it may want to come back.
  const isNobodys = owner === undefined || !database.hasNodes(owner);
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
    if (type === undefined && !database.nodes.has(name)) throw invalidRegistration('a new node has no type');
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
function checkMonitoring({ database, replace }: Registration, subject: Subject, plan: RegistrationPlan): void {
  const isMonitored = plan.portals.some(({ attributes }) => numberIn(attributes, Tag.esiInterval) > 0);
  const hasPort = plan.portals.some(({ attributes }) => numberIn(attributes, Tag.esiPort) > 0);
  const known = subject.kind === 'new' || replace ? [] : database.portalsOf(subject.entity.identifier);
  if (isMonitored && !hasPort && !known.some(({ others }) => others.has(Tag.esiPort))) {
    throw invalidRegistration('status inquiries are asked for, but there is no port for them');
  }
}

function checkRoom({ database, settings }: Registration, { portals, nodes, groups }: RegistrationPlan): void {
  const room = portals.length + nodes.length + groups.length + portals.length * nodes.length;
  if (database.size + room > settings.maxObjects) throw new Rejection(Status.busy, 'the database is full');
}
