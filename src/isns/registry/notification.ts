/** State change notifications: who is told what (RFC 4171 §5.6.5.8, §6.4.4). */

import {
  type Attribute,
  encodeAttributes,
  longAttribute,
  numberAttribute,
  numberOf,
  textAttribute,
} from '../attribute.ts';
import { NodeType, portFromNumber, ScnBitmap, type TransportPort } from '../bitmap.ts';
import { Tag } from '../tag.ts';
import type { ChangeEvent } from './changes.ts';
import type { Database } from './database.ts';
import type { Portal, StorageNode } from './objects.ts';

export interface Notification {
  /** Where the node takes them: one of TCP is enough, of UDP all are sent to (RFC 4171 §2.9.2). */
  readonly ports: readonly (TransportPort & { readonly address: string })[];
  readonly payload: Uint8Array;
}

const objectBits = ScnBitmap.objectAdded | ScnBitmap.objectRemoved | ScnBitmap.objectUpdated;
const eventBits = objectBits | ScnBitmap.memberAdded | ScnBitmap.memberRemoved;

/** One message for each node that is told anything. `now` is in seconds. */
export function notifications(
  database: Database,
  controlNodes: ReadonlySet<string>,
  events: readonly ChangeEvent[],
  now: number,
): Notification[] {
  if (events.length === 0) return [];
  return database.listeners().flatMap((listener) => {
    const ports = scnPorts(database, listener);
    if (ports.length === 0) return [];
    const told = events.flatMap((event) => tell(database, listener, controlNodes.has(listener.name), event));
    if (told.length === 0) return [];
    const head = [textAttribute(Tag.iscsiName, listener.name), longAttribute(Tag.timestamp, BigInt(now))];
    return [{ ports, payload: encodeAttributes([...head, ...told]) }];
  });
}

function scnPorts(database: Database, { entity }: StorageNode): Notification['ports'] {
  return database.portalsOf(entity).flatMap((portal) => transportPort(portal, Tag.scnPort));
}

/** The ESI or SCN port of a portal; none when none is registered. */
export function transportPort(
  { address, others }: Portal,
  tag: typeof Tag.scnPort | typeof Tag.esiPort,
): (TransportPort & { readonly address: string })[] {
  const value = others.get(tag);
  if (value === undefined) return [];
  const given = portFromNumber(numberOf({ tag, value }));
  return given.port === 0 ? [] : [{ address, ...given }];
}

function tell(database: Database, listener: StorageNode, isControlNode: boolean, change: ChangeEvent): Attribute[] {
  const bits = change.event & listener.scnBitmap & eventBits;
  if (bits === 0) return [];
  // A management notice has the domains behind the node; a regular one has not.
  if (isControlNode && (listener.scnBitmap & ScnBitmap.management) !== 0) {
    return [
      numberAttribute(Tag.iscsiScnBitmap, bits | ScnBitmap.management),
      ...nameOf(change),
      ...change.domains.map((id) => numberAttribute(Tag.ddId, id)),
      ...change.domainSets.map((id) => numberAttribute(Tag.ddsId, id)),
    ];
  }
  const regular = bits & objectBits;
  if (regular === 0 || !concerns(database, listener, change)) return [];
  return [numberAttribute(Tag.iscsiScnBitmap, regular), ...nameOf(change)];
}

function nameOf({ node }: ChangeEvent): Attribute[] {
  return node === undefined ? [] : [textAttribute(Tag.iscsiName, node.name)];
}

function concerns(database: Database, listener: StorageNode, { node, audience }: ChangeEvent): boolean {
  if (node === undefined) return false;
  const isSelf = node.name === listener.name;
  if (!isSelf && !ofWantedType(listener.scnBitmap, node.nodeType)) return false;
  if (audience !== undefined) return audience.has(listener.name);
  return isSelf || shareActiveDomain(database, listener.name, node.name);
}

function ofWantedType(bitmap: number, nodeType: number): boolean {
  const targets = (bitmap & ScnBitmap.targetAndSelfOnly) !== 0;
  const initiators = (bitmap & ScnBitmap.initiatorAndSelfOnly) !== 0;
  if (!targets && !initiators) return true;
  return (targets && (nodeType & NodeType.target) !== 0) || (initiators && (nodeType & NodeType.initiator) !== 0);
}

/** Membership outlives registration (RFC 4171 §2.2.2), so that this holds for what was removed too. */
function shareActiveDomain(database: Database, one: string, other: string): boolean {
  return database.domainsOfNode(one).some((domain) => domain.nodes.has(other) && database.isActive(domain));
}
