/** What a boot client asks an iSNS server: where its targets are (RFC 4173 §6, RFC 4171 §5.6.5.2). */

import {
  type Attribute,
  addressOf,
  numberAttribute,
  numberOf,
  textAttribute,
  textOf,
  zeroLength,
} from './attribute.ts';
import { DdFeature, EntityProtocol, NodeType, portFromNumber } from './bitmap.ts';
import type { RequestContent } from './client.ts';
import { FunctionId } from './pdu.ts';
import { Tag } from './tag.ts';

/** One way to a target. */
export interface TargetPortal {
  readonly targetName: string;
  /** A literal. */
  readonly address: string;
  /** 0: the well-known one. */
  readonly port: number;
  /** 0..65535 */
  readonly portalGroupTag: number;
}

/** A target's name, or nothing when all of them are wanted. */
export function targetQuery(targetName: string | undefined): RequestContent {
  const key =
    targetName === undefined
      ? numberAttribute(Tag.iscsiNodeType, NodeType.target)
      : textAttribute(Tag.iscsiName, targetName);
  const wanted = [Tag.iscsiName, Tag.iscsiNodeType, Tag.portalIpAddress, Tag.portalPort, ...groupTags];
  return { functionId: FunctionId.devAttrQry, key: [key], operating: wanted.map(zeroLength) };
}

const groupTags = [Tag.pgIscsiName, Tag.pgPortalIpAddress, Tag.pgPortalPort, Tag.portalGroupTag];

/**
 * Portal groups tell which portal leads to which target, and by which group; one without a tag leads nowhere (RFC 4171 §3.4). A server
 * that gives none is taken at its word: each portal leads to the target before it. Raises ISNS_ATTRIBUTE_INVALID.
 */
export function targetsOf(operating: readonly Attribute[]): TargetPortal[] {
  const groups = objectsOf(operating, Tag.pgIscsiName).flatMap((group) => {
    const found = portalOf(group, Tag.pgPortalIpAddress, Tag.pgPortalPort);
    const [name, tag] = [group.get(Tag.pgIscsiName), group.get(Tag.portalGroupTag)];
    if (found === undefined || name === undefined || tag === undefined || tag.value.length === 0) return [];
    return [{ targetName: textOf(name), ...found, portalGroupTag: numberOf(tag) & 0xffff }];
  });
  return groups.length > 0 ? groups : targetsWithoutGroups(operating);
}

/** RFC 4171 §6.5.4: a group that nobody gave a tag has 1. */
const DEFAULT_GROUP_TAG = 1;

function targetsWithoutGroups(operating: readonly Attribute[]): TargetPortal[] {
  return objectsOf(operating, Tag.iscsiName).flatMap((node) => {
    const name = node.get(Tag.iscsiName);
    const found = portalOf(node, Tag.portalIpAddress, Tag.portalPort);
    if (name === undefined || found === undefined) return [];
    return [{ targetName: textOf(name), ...found, portalGroupTag: DEFAULT_GROUP_TAG }];
  });
}

/** Undefined when there is none, or when it is one of UDP: iSCSI has no other transport than TCP. */
function portalOf(
  object: ReadonlyMap<number, Attribute>,
  addressTag: number,
  portTag: number,
): { address: string; port: number } | undefined {
  const [address, port] = [object.get(addressTag), object.get(portTag)];
  if (address === undefined || port === undefined) return undefined;
  const given = portFromNumber(numberOf(port));
  return given.transport === 'tcp' ? { address: addressOf(address), port: given.port } : undefined;
}

/** Each object begins with its key. */
function objectsOf(attributes: readonly Attribute[], keyTag: number): Map<number, Attribute>[] {
  const objects: Map<number, Attribute>[] = [];
  for (const attribute of attributes) {
    if (attribute.tag === keyTag) objects.push(new Map());
    objects.at(-1)?.set(attribute.tag, attribute);
  }
  return objects;
}

/** All discovery domains: open-isns gives all members only to whom names no attribute. */
export const domainQuery: RequestContent = { functionId: FunctionId.devAttrQry, key: [zeroLength(Tag.ddId)] };

/** Members of the boot lists that a node is in, without the node (RFC 4171 §6.11.2.9). Raises ISNS_ATTRIBUTE_INVALID. */
export function bootListOf(operating: readonly Attribute[], nodeName: string): Set<string> {
  const members = new Set<string>();
  for (const domain of domainsOf(operating)) {
    const features = domain.find(({ tag }) => tag === Tag.ddFeatures);
    const isBootList =
      features !== undefined && features.value.length > 0 && (numberOf(features) & DdFeature.bootList) !== 0;
    const names = domain.filter(({ tag }) => tag === Tag.ddMemberIscsiName).map(textOf);
    if (isBootList && names.includes(nodeName)) for (const name of names) members.add(name);
  }
  members.delete(nodeName);
  return members;
}

function domainsOf(operating: readonly Attribute[]): Attribute[][] {
  const domains: Attribute[][] = [];
  for (const attribute of operating) {
    if (attribute.tag === Tag.ddId) domains.push([]);
    domains.at(-1)?.push(attribute);
  }
  return domains;
}

/** An entity with one initiator in it and an identifier of the server's choice (RFC 4171 §5.6.5.1). */
export function initiatorRegistration(initiatorName: string): RequestContent {
  return {
    functionId: FunctionId.devAttrReg,
    operating: [
      zeroLength(Tag.entityIdentifier),
      numberAttribute(Tag.entityProtocol, EntityProtocol.iscsi),
      textAttribute(Tag.iscsiName, initiatorName),
      numberAttribute(Tag.iscsiNodeType, NodeType.initiator),
    ],
  };
}

export function nodeDeregistration(nodeName: string): RequestContent {
  return { functionId: FunctionId.devDereg, operating: [textAttribute(Tag.iscsiName, nodeName)] };
}
