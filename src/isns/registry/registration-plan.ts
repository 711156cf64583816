/**
 * What a DevAttrReg asks for, read from its operating attributes: objects one after the other, each with its key first, and portal group
 * tags behind the portal or node that they are for (RFC 4171 §5.6.4, §5.6.5.1).
 */

import { type Attribute, addressOf, checkForm, numberOf, textOf } from '../attribute.ts';
import { Status } from '../status.ts';
import { keyTags, kindOf, Tag } from '../tag.ts';
import type { PortalKey } from './objects.ts';
import { Rejection } from './rejection.ts';

/** A portal group that is registered by hand. */
export interface PlannedGroup {
  readonly nodeName: string;
  readonly portal: PortalKey;
  readonly tag: number | undefined;
}

export interface PlannedEntity {
  /** Empty: the server is to choose one. */
  readonly identifier: string;
  readonly attributes: ReadonlyMap<number, Attribute>;
}

export interface PlannedPortal extends PortalKey {
  readonly attributes: ReadonlyMap<number, Attribute>;
}

export interface PlannedNode {
  readonly name: string;
  readonly attributes: ReadonlyMap<number, Attribute>;
}

export interface RegistrationPlan {
  readonly entity: PlannedEntity | undefined;
  readonly portals: readonly PlannedPortal[];
  readonly nodes: readonly PlannedNode[];
  readonly groups: readonly PlannedGroup[];
}

/** A portal and a node of which nobody says how they belong together, do by the tag 1 (RFC 4171 §6.5.4). */
export const DEFAULT_GROUP_TAG = 1;

/** RFC 4171 §6.2.1 */
const SERVER_MADE_PREFIX = 'isns:';

function formatError(message: string): Rejection {
  return new Rejection(Status.messageFormatError, message);
}

/** Names are prepared. Raises Rejection, and ISNS_ATTRIBUTE_INVALID. */
export function planRegistration(operating: readonly Attribute[]): RegistrationPlan {
  const planner = new Planner();
  for (let at = 0; at < operating.length; ) at += planner.take(operating, at);
  return planner;
}

interface Current {
  readonly type: 'entity' | 'portal' | 'node';
  readonly attributes: Map<number, Attribute>;
  /** The portal or node that groups are made with. */
  readonly portal?: PortalKey;
  readonly nodeName?: string;
  /** The tag for what follows; null before there was one. */
  groupTag: number | undefined | null;
}

class Planner implements RegistrationPlan {
  entity: PlannedEntity | undefined;
  readonly portals: PlannedPortal[] = [];
  readonly nodes: PlannedNode[] = [];
  readonly groups: PlannedGroup[] = [];
  #current: Current | undefined;

  /** Takes what begins at `at`; gives the number of attributes. */
  take(operating: readonly Attribute[], at: number): number {
    const attribute = operating[at];
    if (attribute === undefined) return 1;
    checkForm(attribute);
    switch (attribute.tag) {
      case Tag.entityIdentifier:
        this.#beginEntity(attribute);
        return 1;
      case Tag.portalIpAddress:
        this.#beginPortal(pairAt(operating, at, keyTags.portal));
        return 2;
      case Tag.iscsiName:
        this.#beginNode(attribute);
        return 1;
      case Tag.portalGroupTag:
        this.#beginGroups(attribute);
        return 1;
      case Tag.pgIscsiName:
        if (operating[at + 1]?.tag === Tag.pgPortalIpAddress) return this.#addWholeGroup(operating, at);
        this.#addGroup(this.#current?.portal, textOf(attribute));
        return 1;
      case Tag.pgPortalIpAddress:
        this.#addGroup(pairAt(operating, at, [Tag.pgPortalIpAddress, Tag.pgPortalPort]), this.#current?.nodeName);
        return 2;
      default:
        this.#addAttribute(attribute);
        return 1;
    }
  }

  /** Entities come before what they contain, and there is one at most. */
  #beginEntity(attribute: Attribute): void {
    if (this.#current !== undefined) throw formatError('an entity does not come first');
    const identifier = textOf(attribute);
    const attributes = new Map<number, Attribute>();
    this.entity = { identifier, attributes };
    this.#current = { type: 'entity', attributes, groupTag: null };
  }

  #beginPortal(portal: PortalKey): void {
    if (this.portals.some(({ address, port }) => address === portal.address && port === portal.port)) {
      throw formatError(`the portal ${portal.address} is there twice`);
    }
    const attributes = new Map<number, Attribute>();
    this.portals.push({ ...portal, attributes });
    this.#current = { type: 'portal', attributes, portal, groupTag: null };
  }

  #beginNode(attribute: Attribute): void {
    const name = textOf(attribute);
    if (this.nodes.some((node) => node.name === name)) throw formatError(`the node ${name} is there twice`);
    const attributes = new Map<number, Attribute>();
    this.nodes.push({ name, attributes });
    this.#current = { type: 'node', attributes, nodeName: name, groupTag: null };
  }

  #beginGroups(attribute: Attribute): void {
    if (this.#current === undefined || this.#current.type === 'entity') {
      throw formatError('a portal group tag follows neither a portal nor a node');
    }
    this.#current.groupTag = groupTagOf(attribute);
  }

  #addGroup(portal: PortalKey | undefined, nodeName: string | undefined): void {
    const tag = this.#current?.groupTag;
    if (portal === undefined || nodeName === undefined || tag === null) {
      throw formatError('a portal group has no tag, or the other side is missing');
    }
    this.groups.push({ nodeName, portal, tag });
  }

  /**
   * A group with its whole key first and its tag behind it, as open-isns writes it: RFC 4171 §5.6.5.1 describes only the other way, but
   * objects begin with their keys (§5.6.4), and these are the group's.
   */
  #addWholeGroup(operating: readonly Attribute[], at: number): number {
    const name = operating[at];
    if (this.#current === undefined || name === undefined) throw formatError('a portal group comes first');
    const portal = pairAt(operating, at + 1, [Tag.pgPortalIpAddress, Tag.pgPortalPort]);
    const tag = operating[at + 3];
    const hasTag = tag?.tag === Tag.portalGroupTag;
    this.groups.push({ nodeName: textOf(name), portal, tag: hasTag ? groupTagOf(tag) : DEFAULT_GROUP_TAG });
    // Nothing else may follow that is of the portal or node before it.
    this.#current.groupTag = undefined;
    return hasTag ? 4 : 3;
  }

  /** Non-key attributes are of the object before them. */
  #addAttribute(attribute: Attribute): void {
    const kind = kindOf(attribute.tag);
    if (kind === undefined) {
      throw new Rejection(Status.attributeNotImplemented, `attribute ${attribute.tag} is unknown`, [attribute]);
    }
    if (kind.readOnly || kind.object === 'server') {
      throw new Rejection(Status.invalidRegistration, `attribute ${attribute.tag} is the server's`, [attribute]);
    }
    if (kind.object === 'portalGroup') {
      throw new Rejection(
        Status.registrationFeatureNotSupported,
        'portal groups are registered with portals and nodes',
      );
    }
    if (this.#current?.type !== kind.object || this.#current.groupTag !== null) {
      throw formatError(`attribute ${attribute.tag} is out of its place`);
    }
    this.#current.attributes.set(attribute.tag, { tag: attribute.tag, value: attribute.value.slice() });
  }
}

/** Without any bytes, it is NULL (RFC 4171 §6.5.4). */
function groupTagOf(attribute: Attribute): number | undefined {
  if (attribute.value.length === 0) return undefined;
  const tag = numberOf(attribute);
  if (tag <= 0xffff) return tag;
  throw new Rejection(Status.invalidRegistration, 'a portal group tag has 16 bits', [attribute]);
}

/** Address and port are listed one after the other. */
function pairAt(operating: readonly Attribute[], at: number, tags: readonly number[]): PortalKey {
  const [address, port] = [operating[at], operating[at + 1]];
  if (address === undefined || port === undefined || address.tag !== tags[0] || port.tag !== tags[1]) {
    throw formatError('the address of a portal is not followed by its port');
  }
  return { address: addressOf(address), port: numberOf(port) };
}

export function isServerMade(identifier: string): boolean {
  return identifier.startsWith(SERVER_MADE_PREFIX);
}

export function serverMadeIdentifier(index: number): string {
  return `${SERVER_MADE_PREFIX}${index}`;
}

/** 0 when it is not there, or has no value. */
export function numberIn(attributes: ReadonlyMap<number, Attribute>, tag: number): number {
  const attribute = attributes.get(tag);
  return attribute === undefined || attribute.value.length === 0 ? 0 : numberOf(attribute);
}
