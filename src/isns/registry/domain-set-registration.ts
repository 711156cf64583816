/** DDSReg and DDSDereg (RFC 4171 §5.6.5.11, §5.6.5.12). */

import { type Attribute, checkForm, numberAttribute, numberOf, textAttribute, textOf } from '../attribute.ts';
import { DdsStatus, ScnBitmap } from '../bitmap.ts';
import type { RequestSections } from '../message.ts';
import { Status } from '../status.ts';
import { kindOf, Tag } from '../tag.ts';
import type { Database } from './database.ts';
import { chosenId, type DomainRequest, madeName } from './domain-registration.ts';
import type { Domain, DomainSet } from './objects.ts';
import { Rejection } from './rejection.ts';

/** Operating attributes of the response. Raises Rejection, and ISNS_ATTRIBUTE_INVALID. */
export function registerDomainSet(request: DomainRequest, { key, operating }: RequestSections): Attribute[] {
  const { database, changes, settings } = request;
  const domainIds = operating.filter(({ tag }) => tag === Tag.ddId).map(domainId);
  const wishes = new Map(
    operating.filter(({ tag }) => tag !== Tag.ddId).map((attribute) => [attribute.tag, attribute]),
  );
  for (const attribute of wishes.values()) checkAttribute(attribute);
  const known = knownSet(database, key, wishes.get(Tag.ddsId));
  const id = known?.id ?? chosenId(database, wishes.get(Tag.ddsId), 'domainSet', Tag.ddsId);
  const symbolicName = symbolicNameOf(database, known, id, wishes.get(Tag.ddsSymbolicName));
  if (database.size + 1 + domainIds.length > settings.maxObjects)
    throw new Rejection(Status.busy, 'the database is full');

  const status = wishes.get(Tag.ddsStatus);
  const others = new Map(known?.others);
  for (const { tag, value } of wishes.values()) if (kindOf(tag)?.format === 'bytes') others.set(tag, value.slice());
  const made = domainIds.filter((domain) => !database.domains.has(String(domain)));
  for (const domain of made) database.put(emptyDomain(database, domain));
  const set: DomainSet = {
    type: 'domainSet',
    id,
    symbolicName,
    isEnabled: status === undefined ? (known?.isEnabled ?? false) : (numberOf(status) & DdsStatus.enabled) !== 0,
    domains: new Set([...(known?.domains ?? []), ...domainIds]),
    others,
  };
  const added = set.domains.difference(known?.domains ?? new Set());
  const isSwitched = set.isEnabled !== (known?.isEnabled ?? false);
  const affected = membersOf(database, isSwitched ? set.domains : added);
  changes.aroundDomains(database, affected, () => database.put(set));
  tell(request, known, set, added);
  return [
    ...registered(set, known, wishes),
    ...made.flatMap((domain) => madeAttributes(database.domains.get(String(domain)))),
  ];
}

function domainId(attribute: Attribute): number {
  const id = numberOf(attribute);
  if (id === 0) throw new Rejection(Status.invalidRegistration, 'no discovery domain is numbered 0', [attribute]);
  return id;
}

function checkAttribute(attribute: Attribute): void {
  checkForm(attribute);
  const kind = kindOf(attribute.tag);
  if (kind === undefined) {
    throw new Rejection(Status.attributeNotImplemented, `attribute ${attribute.tag} is unknown`, [attribute]);
  }
  if (kind.object !== 'domainSet' || kind.readOnly) {
    throw new Rejection(Status.invalidRegistration, `attribute ${attribute.tag} is none to register`, [attribute]);
  }
}

function knownSet(database: Database, key: readonly Attribute[], wished: Attribute | undefined): DomainSet | undefined {
  const [first] = key;
  if (first === undefined) return undefined;
  const set = first.tag === Tag.ddsId ? database.domainSets.get(String(numberOf(first))) : undefined;
  if (set === undefined)
    throw new Rejection(Status.invalidRegistration, 'there is no such discovery domain set', [first]);
  if (wished !== undefined && wished.value.length > 0 && numberOf(wished) !== set.id) {
    throw new Rejection(Status.invalidRegistration, 'two discovery domain sets are named', [wished]);
  }
  return set;
}

/** No two have one (RFC 4171 §6.11.1.2). */
function symbolicNameOf(
  database: Database,
  known: DomainSet | undefined,
  id: number,
  wished: Attribute | undefined,
): string {
  const taken = new Set<string>();
  for (const set of database.domainSets.values()) if (set.id !== known?.id) taken.add(set.symbolicName);
  let name = wished === undefined ? '' : textOf(wished);
  if (taken.has(name)) {
    throw new Rejection(Status.invalidRegistration, `the name ${name} is taken`, wished === undefined ? [] : [wished]);
  }
  if (name !== '') return name;
  name = known?.symbolicName ?? `DDS ${id}`;
  while (taken.has(name)) name += "'";
  return name;
}

function emptyDomain(database: Database, id: number): Domain {
  const nothing = new Map<string, never>();
  return {
    type: 'domain',
    id,
    symbolicName: madeName(database, id),
    features: 0,
    nodes: nothing,
    portals: nothing,
    others: new Map(),
  };
}

/** RFC 4171 §5.6.5.11: what the server chose for a domain that was made on the way. */
function madeAttributes(domain: Domain | undefined): Attribute[] {
  if (domain === undefined) return [];
  return [
    numberAttribute(Tag.ddId, domain.id),
    textAttribute(Tag.ddSymbolicName, domain.symbolicName),
    numberAttribute(Tag.ddFeatures, domain.features),
  ];
}

function membersOf(database: Database, domains: Iterable<number>): Set<string> {
  const names = new Set<string>();
  for (const id of domains) {
    for (const name of database.domains.get(String(id))?.nodes.keys() ?? []) names.add(name);
  }
  return names;
}

function tell(
  { database, changes }: DomainRequest,
  known: DomainSet | undefined,
  set: DomainSet,
  added: ReadonlySet<number>,
): void {
  const isOther = known !== undefined && (known.symbolicName !== set.symbolicName || known.isEnabled !== set.isEnabled);
  if (known === undefined) changes.domainSet(database, set, ScnBitmap.objectAdded);
  else if (isOther) changes.domainSet(database, set, ScnBitmap.objectUpdated);
  for (const id of added) changes.domainSet(database, set, ScnBitmap.memberAdded, id);
}

function registered(set: DomainSet, known: DomainSet | undefined, wishes: ReadonlyMap<number, Attribute>): Attribute[] {
  const attributes = [numberAttribute(Tag.ddsId, set.id)];
  if (known === undefined || wishes.has(Tag.ddsSymbolicName)) {
    attributes.push(textAttribute(Tag.ddsSymbolicName, set.symbolicName));
  }
  if (wishes.has(Tag.ddsStatus)) attributes.push(numberAttribute(Tag.ddsStatus, set.isEnabled ? DdsStatus.enabled : 0));
  return attributes;
}

/** Without operating attributes the set goes, else the domains they name leave it. What is not there need not go. */
export function deregisterDomainSet({ database, changes }: DomainRequest, { key, operating }: RequestSections): void {
  const [first] = key;
  if (first?.tag !== Tag.ddsId) throw new Rejection(Status.invalidDeregistration, 'the key is no set of domains', key);
  const odd = operating.find(({ tag }) => tag !== Tag.ddId);
  if (odd !== undefined) throw new Rejection(Status.invalidDeregistration, `attribute ${odd.tag} is no domain`, [odd]);
  const set = database.domainSets.get(String(numberOf(first)));
  if (set === undefined) return;
  if (operating.length === 0) {
    changes.domainSet(database, set, ScnBitmap.objectRemoved);
    changes.aroundDomains(database, membersOf(database, set.domains), () => database.remove(set));
    return;
  }
  const removed = new Set(operating.map(numberOf));
  const domains = new Set([...set.domains].filter((id) => !removed.has(id)));
  changes.aroundDomains(database, membersOf(database, removed), () => database.put({ ...set, domains }));
  for (const id of removed) if (set.domains.has(id)) changes.domainSet(database, set, ScnBitmap.memberRemoved, id);
}
