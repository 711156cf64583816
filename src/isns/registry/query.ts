/** DevAttrQry and DevGetNext (RFC 4171 §5.6.5.2, §5.6.5.3). */

import { type Attribute, numberAttribute, numberOf, textOf } from '../attribute.ts';
import type { RequestSections } from '../message.ts';
import { Status } from '../status.ts';
import { indexTags, keyTags, kindOf, memberTags, nextIndexTags, type ObjectType, Tag } from '../tag.ts';
import type { Database } from './database.ts';
import { attributesOf, indexOf, keyAttributes, membersOf, type RegistryObject } from './objects.ts';
import { Rejection } from './rejection.ts';
import { optional, related } from './related.ts';
import type { Scope } from './scope.ts';

type Answer = Pick<RequestSections, 'key' | 'operating'>;

/** Attributes that were asked for together: all of one type of objects. */
interface Wish {
  readonly type: ObjectType;
  readonly tags: readonly number[];
}

const storageTypes = ['entity', 'node', 'portal', 'portalGroup'] as const satisfies readonly ObjectType[];

const allTypes: readonly ObjectType[] = [...storageTypes, 'domain', 'domainSet'];

/** Raises Rejection. */
export function answerQuery(database: Database, scope: Scope, { key, operating }: RequestSections): Answer {
  const numbers = nextIndexes(database, operating);
  const wishes = wishesOf(operating);
  if (key.length === 0) {
    const everything = operating.length === 0 ? allTypes.map((type) => ({ type, tags: [] })) : wishes;
    return { key, operating: [...everything.flatMap((wish) => ofAll(scope, wish)), ...numbers] };
  }
  // What belongs to the server itself is asked for by one's own name; there is none of it (RFC 4171 §6.9).
  const type = typeOf(key);
  const matching = candidates(database, scope, type, key).filter((object) => matches(object, key));
  const wanted = operating.length === 0 ? everythingOf(type) : wishes;
  const found = matching.flatMap((object) => wanted.flatMap((wish) => ofRelated(database, scope, object, wish)));
  return { key, operating: [...found, ...numbers] };
}

/** Without operating attributes, all are returned (RFC 4171 §5.7.5.2): of domains themselves, else of all that an entity contains. */
function everythingOf(type: ObjectType): Wish[] {
  const isStored = storageTypes.some((one) => one === type);
  const types = isStored ? [type, ...storageTypes.filter((one) => one !== type)] : [type];
  return types.map((one) => ({ type: one, tags: [] }));
}

function ofAll(scope: Scope, wish: Wish): Attribute[] {
  return scope.all(wish.type).flatMap((object) => select(object, wish.tags));
}

function ofRelated(database: Database, scope: Scope, object: RegistryObject, wish: Wish): Attribute[] {
  const objects = related(database, object, wish.type).filter((one) => scope.sees(one));
  return objects.flatMap((one) => select(one, wish.tags));
}

/** In the order asked for; all when none was named. Members of a domain come one after the other, each with what was asked of it. */
function select(object: RegistryObject, tags: readonly number[]): Attribute[] {
  const all = attributesOf(object);
  if (tags.length === 0) return all;
  const firstOfMember = tags.find((tag) => memberTags.has(tag));
  return tags.flatMap((tag) => {
    if (!memberTags.has(tag)) return all.filter((attribute) => attribute.tag === tag);
    if (tag !== firstOfMember) return [];
    return membersOf(object).flatMap((member) => member.filter((attribute) => tags.includes(attribute.tag)));
  });
}

/** Runs of attributes of one type. */
function wishesOf(operating: readonly Attribute[]): Wish[] {
  const wishes: { type: ObjectType; tags: number[] }[] = [];
  for (const { tag } of operating) {
    const kind = kindOf(tag);
    if (kind === undefined) throw new Rejection(Status.attributeNotImplemented, `attribute ${tag} is unknown`);
    if (kind.object === 'server' || isNextIndex(tag)) continue;
    const last = wishes.at(-1);
    if (last?.type === kind.object) last.tags.push(tag);
    else wishes.push({ type: kind.object, tags: [tag] });
  }
  return wishes;
}

function isNextIndex(tag: number): boolean {
  return Object.values(nextIndexTags).includes(tag);
}

function nextIndexes(database: Database, operating: readonly Attribute[]): Attribute[] {
  const types = Object.entries(nextIndexTags) as [ObjectType, number][];
  return operating.flatMap(({ tag }) => {
    const type = types.find(([, nextTag]) => nextTag === tag)?.[0];
    return type === undefined ? [] : [numberAttribute(tag, database.nextIndex(type))];
  });
}

/** Keys of several attributes must all be of one type (RFC 4171 §5.6.5.2). */
function typeOf(key: readonly Attribute[]): ObjectType {
  const kinds = new Set(key.map(({ tag }) => kindOf(tag)?.object));
  const [type] = kinds;
  if (kinds.size !== 1 || type === undefined || type === 'server') {
    throw new Rejection(Status.invalidQuery, 'the key is none of one type of objects');
  }
  return type;
}

/** Where the key has what objects are found by, those; else each that can be seen is looked at. Raises ISNS_ATTRIBUTE_INVALID. */
function candidates(
  database: Database,
  scope: Scope,
  type: ObjectType,
  key: readonly Attribute[],
): readonly RegistryObject[] {
  const found = key.map((attribute) => foundBy(database, attribute)).find((objects) => objects !== undefined);
  return found === undefined ? scope.all(type) : found.filter((object) => scope.sees(object));
}

/** Undefined where there is no index. */
function foundBy(database: Database, attribute: Attribute): readonly RegistryObject[] | undefined {
  if (attribute.value.length === 0) return undefined;
  switch (attribute.tag) {
    case Tag.entityIdentifier:
      return optional(database.entities.get(textOf(attribute)));
    case Tag.iscsiName:
      return optional(database.nodes.get(textOf(attribute)));
    case Tag.ddId:
      return optional(database.domains.get(String(numberOf(attribute))));
    case Tag.ddSymbolicName:
      return database.domainsOfName(textOf(attribute));
    default:
      return undefined;
  }
}

/** A value without any bytes stands for every object of the type. */
function matches(object: RegistryObject, key: readonly Attribute[]): boolean {
  const wanted = key.filter(({ value }) => value.length > 0);
  if (wanted.length === 0) return true;
  const all = attributesOf(object);
  return wanted.every((one) => all.some(({ tag, value }) => tag === one.tag && equal(value, one.value)));
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

/**
 * The next object in the order of its type: by its key, or by its index when that is the key. An object that has gone meanwhile is
 * passed over (RFC 4171 §5.6.5.3). Raises Rejection.
 */
export function answerGetNext(scope: Scope, { key, operating }: RequestSections): Answer {
  const type = typeOf(key);
  const order = orderOf(type, key);
  const [wishes, conditions] = [[], []] as [Attribute[], Attribute[]];
  for (const attribute of operating) {
    if (kindOf(attribute.tag)?.object !== type) {
      throw new Rejection(Status.invalidQuery, `attribute ${attribute.tag} is not of the key's type of objects`);
    }
    (attribute.value.length === 0 ? wishes : conditions).push(attribute);
  }
  let next: RegistryObject | undefined;
  for (const object of scope.all(type)) {
    const isBehind = order.compare(object, undefined) > 0;
    if (isBehind && matches(object, conditions) && (next === undefined || order.compare(object, next) < 0))
      next = object;
  }
  if (next === undefined) throw new Rejection(Status.noSuchEntry, 'there is no further object');
  return {
    key: order.keyOf(next),
    operating: select(
      next,
      wishes.map(({ tag }) => tag),
    ),
  };
}

interface Order {
  /** Below 0: `one` comes first. Undefined is where the request stands. */
  compare(one: RegistryObject, other: RegistryObject | undefined): number;
  keyOf(object: RegistryObject): Attribute[];
}

function orderOf(type: ObjectType, key: readonly Attribute[]): Order {
  const isFirst = key.every(({ value }) => value.length === 0);
  const [only] = key;
  if (key.length === 1 && only?.tag === indexTags[type]) {
    const given = isFirst ? 0 : numberOf(only);
    return {
      compare: (one, other) => indexOf(one) - (other === undefined ? given : indexOf(other)),
      keyOf: (object) => [numberAttribute(indexTags[type], indexOf(object))],
    };
  }
  if (key.length !== keyTags[type].length || key.some(({ tag }, index) => tag !== keyTags[type][index])) {
    throw new Rejection(Status.invalidQuery, 'the key is none that objects are found by');
  }
  const given = isFirst ? '' : textOfKey(key);
  return {
    compare: (one, other) =>
      compareText(textOfKey(keyAttributes(one)), other === undefined ? given : textOfKey(keyAttributes(other))),
    keyOf: (object) => keyAttributes(object),
  };
}

/** Byte for byte, so that the order is the same for ever. */
function textOfKey(key: readonly Attribute[]): string {
  return key.map(({ value }) => Buffer.from(value).toString('latin1')).join('');
}

function compareText(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
