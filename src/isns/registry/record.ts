/** An object of the database as it is kept: its attributes as on the wire, with those of other objects that say where it belongs. */

import { DisklessError } from '../../bytes/index.ts';
import {
  type Attribute,
  addressOf,
  decodeAttributes,
  encodeAttributes,
  longOf,
  numberAttribute,
  numberOf,
  textAttribute,
  textOf,
} from '../attribute.ts';
import { type ObjectType, Tag } from '../tag.ts';
import { attributesOf, type OtherAttributes, type PortalKey, portalKey, type RegistryObject } from './objects.ts';

export type CountedType = 'entity' | 'portal' | 'node' | 'portalGroup';

export type RegistryRecord =
  | { readonly type: 'object'; readonly object: RegistryObject }
  | { readonly type: 'counter'; readonly counted: CountedType; readonly next: number };

interface Counter {
  readonly counted: CountedType;
  readonly next: number;
}

export function encodeRecord(kept: RegistryObject | Counter): Uint8Array {
  if ('counted' in kept) return encodeAttributes([numberAttribute(Tag.entityNextIndex, kept.next)]);
  return encodeAttributes([...attributesOf(kept), ...belongingOf(kept)]);
}

/** An entity's identifier for what it contains, the domains of a set. */
function belongingOf(object: RegistryObject): Attribute[] {
  switch (object.type) {
    case 'entity':
    case 'domain':
      return [];
    case 'domainSet':
      return Array.from(object.domains, (id) => numberAttribute(Tag.ddId, id));
    default:
      return [textAttribute(Tag.entityIdentifier, object.entity)];
  }
}

const counters: readonly CountedType[] = ['entity', 'portal', 'node', 'portalGroup'];

/** `type` and `key` are those that the record was kept under. Raises ISNS_STATE_CORRUPT. */
export function decodeRecord(type: string, key: string, record: Uint8Array): RegistryRecord {
  try {
    const fields = new Fields(decodeAttributes(record));
    const counted = counters.find((name) => name === key);
    if (type === 'counter' && counted !== undefined) {
      return { type: 'counter', counted, next: fields.number(Tag.entityNextIndex) };
    }
    const read = readers.get(type);
    if (read === undefined) throw new Error(`nothing is of the type ${type}`);
    return { type: 'object', object: read(fields) };
  } catch (cause) {
    throw new DisklessError('ISNS_STATE_CORRUPT', `the state has an iSNS ${type} "${key}" that cannot be read`, {
      cause,
      hint: 'Restore state.db from a backup, or start with a new --data directory.',
    });
  }
}

/** Takes attributes by their tags; what is left over are the others. */
class Fields {
  readonly #attributes: readonly Attribute[];
  readonly #taken = new Set<number>();

  constructor(attributes: readonly Attribute[]) {
    this.#attributes = attributes;
  }

  #first(tag: number): Attribute {
    const [first] = this.all(tag);
    if (first === undefined) throw new Error(`attribute ${tag} is missing`);
    return first;
  }

  all(tag: number): Attribute[] {
    this.#taken.add(tag);
    return this.#attributes.filter((attribute) => attribute.tag === tag);
  }

  number(tag: number): number {
    return numberOf(this.#first(tag));
  }

  /** Undefined for one without a value. */
  optionalNumber(tag: number): number | undefined {
    const [first] = this.all(tag);
    return first === undefined || first.value.length === 0 ? undefined : numberOf(first);
  }

  text(tag: number): string {
    return textOf(this.#first(tag));
  }

  portal(addressTag: number, portTag: number): PortalKey {
    return { address: addressOf(this.#first(addressTag)), port: this.number(portTag) };
  }

  timestamp(): number {
    return Number(longOf(this.#first(Tag.timestamp)));
  }

  others(): OtherAttributes {
    const rest = this.#attributes.filter(({ tag }) => !this.#taken.has(tag));
    return new Map(rest.map(({ tag, value }) => [tag, value.slice()]));
  }
}

const readers: ReadonlyMap<string, (fields: Fields) => RegistryObject> = new Map<
  ObjectType,
  (fields: Fields) => RegistryObject
>([
  [
    'entity',
    (fields) => ({
      type: 'entity',
      identifier: fields.text(Tag.entityIdentifier),
      index: fields.number(Tag.entityIndex),
      registrationPeriod: fields.number(Tag.registrationPeriod),
      timestamp: fields.timestamp(),
      others: fields.others(),
    }),
  ],
  [
    'portal',
    (fields) => ({
      type: 'portal',
      ...fields.portal(Tag.portalIpAddress, Tag.portalPort),
      entity: fields.text(Tag.entityIdentifier),
      index: fields.number(Tag.portalIndex),
      others: fields.others(),
    }),
  ],
  [
    'node',
    (fields) => ({
      type: 'node',
      name: fields.text(Tag.iscsiName),
      entity: fields.text(Tag.entityIdentifier),
      index: fields.number(Tag.iscsiNodeIndex),
      nodeType: fields.number(Tag.iscsiNodeType),
      scnBitmap: fields.optionalNumber(Tag.iscsiScnBitmap) ?? 0,
      others: fields.others(),
    }),
  ],
  [
    'portalGroup',
    (fields) => ({
      type: 'portalGroup',
      nodeName: fields.text(Tag.pgIscsiName),
      portal: fields.portal(Tag.pgPortalIpAddress, Tag.pgPortalPort),
      entity: fields.text(Tag.entityIdentifier),
      index: fields.number(Tag.pgIndex),
      tag: fields.optionalNumber(Tag.portalGroupTag),
    }),
  ],
  [
    'domain',
    (fields) => ({
      type: 'domain',
      id: fields.number(Tag.ddId),
      symbolicName: fields.text(Tag.ddSymbolicName),
      features: fields.number(Tag.ddFeatures),
      nodes: memberNodes(fields),
      portals: memberPortals(fields),
      others: fields.others(),
    }),
  ],
  [
    'domainSet',
    (fields) => ({
      type: 'domainSet',
      id: fields.number(Tag.ddsId),
      symbolicName: fields.text(Tag.ddsSymbolicName),
      isEnabled: fields.number(Tag.ddsStatus) !== 0,
      domains: new Set(fields.all(Tag.ddId).map(numberOf)),
      others: fields.others(),
    }),
  ],
]);

function memberNodes(fields: Fields): Map<string, number> {
  const indexes = fields.all(Tag.ddMemberIscsiIndex).map(numberOf);
  const names = fields.all(Tag.ddMemberIscsiName).map(textOf);
  return new Map(names.map((name, at) => [name, indexes[at] ?? 0]));
}

function memberPortals(fields: Fields): Map<string, PortalKey & { index: number }> {
  const indexes = fields.all(Tag.ddMemberPortalIndex).map(numberOf);
  const ports = fields.all(Tag.ddMemberPortalPort).map(numberOf);
  const members = fields.all(Tag.ddMemberPortalIpAddress).map((attribute, at) => {
    const portal = { address: addressOf(attribute), port: ports[at] ?? 0 };
    return [portalKey(portal), { ...portal, index: indexes[at] ?? 0 }] as const;
  });
  return new Map(members);
}
