/** A boot server as iSNS has it: one entity, with its portals and the targets of its machines (RFC 4171 §5.6.5.1). */

import { type Attribute, addressAttribute, numberAttribute, textAttribute } from '../isns/attribute.ts';
import { EntityProtocol, NodeType } from '../isns/bitmap.ts';
import { Tag } from '../isns/tag.ts';
import type { Endpoint } from '../os/network.ts';

/** Key and operating attributes of its registration; `more` are of the entity itself. */
export function targetEntity(
  identifier: string,
  portals: readonly Endpoint[],
  targetNames: readonly string[],
  more: readonly Attribute[] = [],
): { readonly key: readonly Attribute[]; readonly operating: readonly Attribute[] } {
  const entity = textAttribute(Tag.entityIdentifier, identifier);
  const protocol = numberAttribute(Tag.entityProtocol, EntityProtocol.iscsi);
  const targets = targetNames.flatMap(targetAttributes);
  return { key: [entity], operating: [entity, protocol, ...more, ...portals.flatMap(portalAttributes), ...targets] };
}

export function portalAttributes({ address, port }: Endpoint): Attribute[] {
  return [addressAttribute(Tag.portalIpAddress, address), numberAttribute(Tag.portalPort, port)];
}

function targetAttributes(name: string): Attribute[] {
  return [textAttribute(Tag.iscsiName, name), numberAttribute(Tag.iscsiNodeType, NodeType.target)];
}
