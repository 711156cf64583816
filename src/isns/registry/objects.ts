/**
 * The objects of an iSNS database (RFC 4171 §3). Each is a set of attributes; what is computed with is beside them in fields of its own.
 * A key of text finds an object in its table: an EID, `address/port`, a name, all three of a portal group.
 */

import {
  type Attribute,
  addressAttribute,
  longAttribute,
  numberAttribute,
  textAttribute,
  zeroLength,
} from '../attribute.ts';
import { DdsStatus } from '../bitmap.ts';
import { type ObjectType, Tag } from '../tag.ts';

/** Attributes that are neither the object's key nor kept in a field. */
export type OtherAttributes = ReadonlyMap<number, Uint8Array>;

export interface Entity {
  readonly type: 'entity';
  readonly identifier: string;
  readonly index: number;
  readonly others: OtherAttributes;
  /** Seconds; 0: kept as long as its portals answer. */
  readonly registrationPeriod: number;
  /** Seconds since the Unix epoch: when its client was last heard of (RFC 4171 §6.2.4). */
  readonly timestamp: number;
}

export interface PortalKey {
  /** A literal. */
  readonly address: string;
  /** As on the wire: with the bit that means UDP. */
  readonly port: number;
}

export interface Portal extends PortalKey {
  readonly type: 'portal';
  readonly entity: string;
  readonly index: number;
  readonly others: OtherAttributes;
}

export interface StorageNode {
  readonly type: 'node';
  readonly name: string;
  readonly entity: string;
  readonly index: number;
  /** NodeType. */
  readonly nodeType: number;
  /** ScnBitmap; 0: it wants to be told of nothing. */
  readonly scnBitmap: number;
  readonly others: OtherAttributes;
}

export interface PortalGroup {
  readonly type: 'portalGroup';
  readonly nodeName: string;
  readonly portal: PortalKey;
  readonly entity: string;
  readonly index: number;
  /** Undefined is NULL: the portal does not lead to the node (RFC 4171 §6.5.4). */
  readonly tag: number | undefined;
}

export interface Domain {
  readonly type: 'domain';
  readonly id: number;
  readonly symbolicName: string;
  readonly features: number;
  /** Names, registered or not, with the index that is kept for each. */
  readonly nodes: ReadonlyMap<string, number>;
  /** By their key. */
  readonly portals: ReadonlyMap<string, PortalKey & { readonly index: number }>;
  readonly others: OtherAttributes;
}

export interface DomainSet {
  readonly type: 'domainSet';
  readonly id: number;
  readonly symbolicName: string;
  readonly isEnabled: boolean;
  readonly domains: ReadonlySet<number>;
  readonly others: OtherAttributes;
}

export type RegistryObject = Entity | Portal | StorageNode | PortalGroup | Domain | DomainSet;
export type ObjectOf<Type extends ObjectType> = Extract<RegistryObject, { type: Type }>;

export function portalKey({ address, port }: PortalKey): string {
  return `${address}/${port}`;
}

export function groupKey(nodeName: string, portal: PortalKey): string {
  return `${nodeName} ${portalKey(portal)}`;
}

export function keyOf(object: RegistryObject): string {
  switch (object.type) {
    case 'entity':
      return object.identifier;
    case 'portal':
      return portalKey(object);
    case 'node':
      return object.name;
    case 'portalGroup':
      return groupKey(object.nodeName, object.portal);
    case 'domain':
    case 'domainSet':
      return String(object.id);
  }
}

export function keyAttributes(object: RegistryObject): Attribute[] {
  switch (object.type) {
    case 'entity':
      return [textAttribute(Tag.entityIdentifier, object.identifier)];
    case 'portal':
      return [addressAttribute(Tag.portalIpAddress, object.address), numberAttribute(Tag.portalPort, object.port)];
    case 'node':
      return [textAttribute(Tag.iscsiName, object.name)];
    case 'portalGroup':
      return [
        textAttribute(Tag.pgIscsiName, object.nodeName),
        addressAttribute(Tag.pgPortalIpAddress, object.portal.address),
        numberAttribute(Tag.pgPortalPort, object.portal.port),
      ];
    case 'domain':
      return [numberAttribute(Tag.ddId, object.id)];
    case 'domainSet':
      return [numberAttribute(Tag.ddsId, object.id)];
  }
}

/** Key, own attributes, others: everything that can be asked for, members of a domain last. */
export function attributesOf(object: RegistryObject): Attribute[] {
  return [...keyAttributes(object), ...ownAttributes(object), ...membersOf(object).flat()];
}

function ownAttributes(object: RegistryObject): Attribute[] {
  switch (object.type) {
    case 'entity':
      return sorted(object.others, [
        longAttribute(Tag.timestamp, BigInt(object.timestamp)),
        numberAttribute(Tag.registrationPeriod, object.registrationPeriod),
        numberAttribute(Tag.entityIndex, object.index),
      ]);
    case 'portal':
      return sorted(object.others, [numberAttribute(Tag.portalIndex, object.index)]);
    case 'node':
      return sorted(object.others, [
        numberAttribute(Tag.iscsiNodeType, object.nodeType),
        numberAttribute(Tag.iscsiNodeIndex, object.index),
        ...(object.scnBitmap === 0 ? [] : [numberAttribute(Tag.iscsiScnBitmap, object.scnBitmap)]),
      ]);
    case 'portalGroup':
      return [groupTagAttribute(object.tag), numberAttribute(Tag.pgIndex, object.index)];
    case 'domain':
      return sorted(object.others, [
        textAttribute(Tag.ddSymbolicName, object.symbolicName),
        numberAttribute(Tag.ddFeatures, object.features),
      ]);
    case 'domainSet':
      return sorted(object.others, [
        textAttribute(Tag.ddsSymbolicName, object.symbolicName),
        numberAttribute(Tag.ddsStatus, object.isEnabled ? DdsStatus.enabled : 0),
      ]);
  }
}

export function groupTagAttribute(tag: number | undefined): Attribute {
  return tag === undefined ? zeroLength(Tag.portalGroupTag) : numberAttribute(Tag.portalGroupTag, tag);
}

function sorted(others: OtherAttributes, own: readonly Attribute[]): Attribute[] {
  const all = [...own, ...Array.from(others, ([tag, value]) => ({ tag, value }))];
  return all.sort((one, other) => one.tag - other.tag);
}

/** The members of a domain, each in its attributes. */
export function membersOf(object: RegistryObject): Attribute[][] {
  if (object.type !== 'domain') return [];
  const nodes = Array.from(object.nodes, ([name, index]) => [
    numberAttribute(Tag.ddMemberIscsiIndex, index),
    textAttribute(Tag.ddMemberIscsiName, name),
  ]);
  const portals = Array.from(object.portals.values(), ({ address, port, index }) => [
    numberAttribute(Tag.ddMemberPortalIndex, index),
    addressAttribute(Tag.ddMemberPortalIpAddress, address),
    numberAttribute(Tag.ddMemberPortalPort, port),
  ]);
  return [...nodes, ...portals];
}

/** The number that stands for the object (RFC 4171 §2.10). */
export function indexOf(object: RegistryObject): number {
  return object.type === 'domain' || object.type === 'domainSet' ? object.id : object.index;
}
