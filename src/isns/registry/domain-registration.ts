/** DDReg and DDDereg (RFC 4171 §5.6.5.9, §5.6.5.10). */

import { type Attribute, addressAttribute, numberAttribute, numberOf, textAttribute, textOf } from '../attribute.ts';
import { ScnBitmap } from '../bitmap.ts';
import type { RequestSections } from '../message.ts';
import { Status } from '../status.ts';
import { kindOf, Tag } from '../tag.ts';
import type { Changes } from './changes.ts';
import type { Database } from './database.ts';
import { type DomainMembers, listedIn, membersIn, registeredIn } from './domain-members.ts';
import type { Domain } from './objects.ts';
import { Rejection } from './rejection.ts';
import type { RegistrySettings } from './settings.ts';

export interface DomainRequest {
  readonly database: Database;
  readonly changes: Changes;
  readonly settings: RegistrySettings;
}

/** Operating attributes of the response. Raises Rejection, and ISNS_ATTRIBUTE_INVALID. */
export function registerDomain(request: DomainRequest, { key, operating }: RequestSections): Attribute[] {
  const { database, changes, settings } = request;
  const members = membersIn(operating, registeredIn(database));
  const wishes = new Map(members.rest.map((attribute) => [attribute.tag, attribute]));
  checkAttributes(members.rest);
  const known = knownDomain(database, key, wishes.get(Tag.ddId));
  const id = known?.id ?? chosenId(database, wishes.get(Tag.ddId), 'domain', Tag.ddId);
  const symbolicName = symbolicNameOf(database, known, id, wishes.get(Tag.ddSymbolicName));
  const room = database.size + 1 + members.nodes.size + members.portals.size;
  if (room > settings.maxObjects) throw new Rejection(Status.busy, 'the database is full');

  const features = wishes.get(Tag.ddFeatures);
  const others = new Map(known?.others);
  for (const { tag, value } of members.rest) if (kindOf(tag)?.format === 'bytes') others.set(tag, value.slice());
  const domain: Domain = {
    type: 'domain',
    id,
    symbolicName,
    features: features === undefined ? (known?.features ?? 0) : numberOf(features),
    nodes: withNodes(database, known, members),
    portals: withPortals(database, known, members),
    others,
  };
  changes.aroundDomains(database, new Set(domain.nodes.keys()), () => database.put(domain));
  tell(request, known, domain);
  return registered(database, domain, known, wishes, members);
}

function checkAttributes(rest: readonly Attribute[]): void {
  for (const attribute of rest) {
    const kind = kindOf(attribute.tag);
    if (kind === undefined) {
      throw new Rejection(Status.attributeNotImplemented, `attribute ${attribute.tag} is unknown`, [attribute]);
    }
    if (kind.object !== 'domain' || kind.readOnly) {
      throw new Rejection(Status.invalidRegistration, `attribute ${attribute.tag} is none to register`, [attribute]);
    }
  }
}

/** A key must name a domain that is there; without one, a new one is made (RFC 4171 §5.6.5.9). */
function knownDomain(database: Database, key: readonly Attribute[], wished: Attribute | undefined): Domain | undefined {
  const [first] = key;
  if (first === undefined) return undefined;
  const domain = first.tag === Tag.ddId ? database.domains.get(String(numberOf(first))) : undefined;
  if (domain === undefined)
    throw new Rejection(Status.invalidRegistration, 'there is no such discovery domain', [first]);
  if (wished !== undefined && wished.value.length > 0 && numberOf(wished) !== domain.id) {
    throw new Rejection(Status.invalidRegistration, 'two discovery domains are named', [wished]);
  }
  return domain;
}

/** The identifier that is asked for, or one that is free. 0 is reserved (RFC 4171 §6.11.2.1). */
export function chosenId(
  database: Database,
  wished: Attribute | undefined,
  type: 'domain' | 'domainSet',
  tag: number,
): number {
  if (wished === undefined || wished.value.length === 0) return database.nextIndex(type);
  const id = numberOf(wished);
  if (id === 0 || database.table(type).has(String(id))) {
    throw new Rejection(Status.invalidRegistration, `the identifier ${id} cannot be given`, [numberAttribute(tag, id)]);
  }
  return id;
}

/** No two have one (RFC 4171 §6.11.2.2). */
function symbolicNameOf(
  database: Database,
  known: Domain | undefined,
  id: number,
  wished: Attribute | undefined,
): string {
  const name = wished === undefined ? '' : textOf(wished);
  if (name === '') return known?.symbolicName ?? madeName(database, id);
  if (database.domainsOfName(name).some(({ id: owner }) => owner !== known?.id)) {
    throw new Rejection(Status.invalidRegistration, `the name ${name} is taken`, wished === undefined ? [] : [wished]);
  }
  return name;
}

export function madeName(database: Database, id: number): string {
  let name = `DD ${id}`;
  while (database.domainsOfName(name).length > 0) name += "'";
  return name;
}

function withNodes(database: Database, known: Domain | undefined, members: DomainMembers): Map<string, number> {
  const nodes = new Map(known?.nodes);
  for (const name of members.nodes) if (!nodes.has(name)) nodes.set(name, database.indexOfNode(name));
  return nodes;
}

function withPortals(database: Database, known: Domain | undefined, members: DomainMembers): Domain['portals'] {
  const portals = new Map(known?.portals);
  for (const [key, portal] of members.portals) {
    if (!portals.has(key)) portals.set(key, { ...portal, index: database.indexOfPortal(key) });
  }
  return portals;
}

function tell({ database, changes }: DomainRequest, known: Domain | undefined, domain: Domain): void {
  const isOther =
    known !== undefined && (known.symbolicName !== domain.symbolicName || known.features !== domain.features);
  if (known === undefined) changes.domain(database, domain, ScnBitmap.objectAdded);
  else if (isOther) changes.domain(database, domain, ScnBitmap.objectUpdated);
  for (const name of domain.nodes.keys()) {
    if (known?.nodes.has(name) !== true) changes.domain(database, domain, ScnBitmap.memberAdded, name);
  }
}

/** What was given or changed, and the numbers that are kept for members who have not come yet. */
function registered(
  database: Database,
  domain: Domain,
  known: Domain | undefined,
  wishes: ReadonlyMap<number, Attribute>,
  members: DomainMembers,
): Attribute[] {
  const attributes = [numberAttribute(Tag.ddId, domain.id)];
  if (known === undefined || wishes.has(Tag.ddSymbolicName)) {
    attributes.push(textAttribute(Tag.ddSymbolicName, domain.symbolicName));
  }
  for (const name of members.nodes) {
    if (database.nodes.has(name)) continue;
    attributes.push(numberAttribute(Tag.ddMemberIscsiIndex, domain.nodes.get(name) ?? 0));
    attributes.push(textAttribute(Tag.ddMemberIscsiName, name));
  }
  for (const key of members.portals.keys()) {
    const portal = domain.portals.get(key);
    if (portal === undefined || database.portals.has(key)) continue;
    attributes.push(numberAttribute(Tag.ddMemberPortalIndex, portal.index));
    attributes.push(addressAttribute(Tag.ddMemberPortalIpAddress, portal.address));
    attributes.push(numberAttribute(Tag.ddMemberPortalPort, portal.port));
  }
  if (known === undefined || wishes.has(Tag.ddFeatures))
    attributes.push(numberAttribute(Tag.ddFeatures, domain.features));
  return attributes;
}

/** Without operating attributes the domain goes, else the members they name. What is not there need not go. Raises as above. */
export function deregisterDomain(request: DomainRequest, { key, operating }: RequestSections): void {
  const { database, changes } = request;
  const [first] = key;
  if (first?.tag !== Tag.ddId) throw new Rejection(Status.invalidDeregistration, 'the key is no discovery domain', key);
  const domain = database.domains.get(String(numberOf(first)));
  const members = membersIn(operating, listedIn(domain));
  if (domain === undefined) return;
  const [odd] = members.rest;
  if (odd !== undefined) throw new Rejection(Status.invalidDeregistration, `attribute ${odd.tag} is no member`, [odd]);
  const affected = new Set(domain.nodes.keys());
  if (operating.length === 0) {
    changes.domain(database, domain, ScnBitmap.objectRemoved);
    changes.aroundDomains(database, affected, () => removeDomain(database, domain));
    return;
  }
  const nodes = new Map([...domain.nodes].filter(([name]) => !members.nodes.has(name)));
  const portals = new Map([...domain.portals].filter(([portal]) => !members.portals.has(portal)));
  changes.aroundDomains(database, affected, () => database.put({ ...domain, nodes, portals }));
  for (const name of affected) if (!nodes.has(name)) changes.domain(database, domain, ScnBitmap.memberRemoved, name);
}

function removeDomain(database: Database, domain: Domain): void {
  for (const set of database.setsOf(domain)) {
    database.put({ ...set, domains: new Set([...set.domains].filter((id) => id !== domain.id)) });
  }
  database.remove(domain);
}
