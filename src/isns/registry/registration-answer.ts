/** What the response to a DevAttrReg says was registered (RFC 4171 §5.7.5.1). */

import { type Attribute, addressAttribute, numberAttribute, textAttribute } from '../attribute.ts';
import { Tag } from '../tag.ts';
import type { Database } from './database.ts';
import { type Entity, groupTagAttribute, keyAttributes, type OtherAttributes, portalKey } from './objects.ts';
import type { PlannedNode, RegistrationPlan } from './registration-plan.ts';

/** Keys, and the attributes that the request named with the values they have now: nothing that was implied. */
export function registered(
  database: Database,
  entity: Entity,
  plan: RegistrationPlan,
  withEntity: boolean,
): Attribute[] {
  const attributes: Attribute[] = [];
  if (withEntity) {
    attributes.push(...keyAttributes(entity), ...named(entity.others, plan.entity?.attributes));
    // Without one, as with status inquiries, there is nothing to tell.
    const { registrationPeriod } = entity;
    if (registrationPeriod > 0) attributes.push(numberAttribute(Tag.registrationPeriod, registrationPeriod));
  }
  for (const planned of plan.portals) {
    const portal = database.portals.get(portalKey(planned));
    if (portal !== undefined) attributes.push(...keyAttributes(portal), ...named(portal.others, planned.attributes));
    for (const group of plan.groups.filter(({ portal: of }) => portalKey(of) === portalKey(planned))) {
      if (!plan.nodes.some(({ name }) => name === group.nodeName)) {
        attributes.push(groupTagAttribute(group.tag), textAttribute(Tag.pgIscsiName, group.nodeName));
      }
    }
  }
  return [...attributes, ...plan.nodes.flatMap((planned) => registeredNode(database, planned, plan))];
}

function named(others: OtherAttributes, planned: ReadonlyMap<number, Attribute> | undefined): Attribute[] {
  return [...(planned?.keys() ?? [])].flatMap((tag) => {
    const value = others.get(tag);
    return value === undefined ? [] : [{ tag, value }];
  });
}

function registeredNode(database: Database, planned: PlannedNode, plan: RegistrationPlan): Attribute[] {
  const node = database.nodes.get(planned.name);
  if (node === undefined) return [];
  const groups = plan.groups.filter(({ nodeName }) => nodeName === node.name);
  return [
    ...keyAttributes(node),
    ...(planned.attributes.has(Tag.iscsiNodeType) ? [numberAttribute(Tag.iscsiNodeType, node.nodeType)] : []),
    ...(planned.attributes.has(Tag.iscsiScnBitmap) ? [numberAttribute(Tag.iscsiScnBitmap, node.scnBitmap)] : []),
    ...named(node.others, planned.attributes),
    ...groups.flatMap(({ tag, portal }) => [
      groupTagAttribute(tag),
      addressAttribute(Tag.pgPortalIpAddress, portal.address),
      numberAttribute(Tag.pgPortalPort, portal.port),
    ]),
  ];
}
