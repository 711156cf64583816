/** Members of a discovery domain as DDReg and DDDereg name them (RFC 4171 §5.6.5.9): by name or address, or by their index. */

import { type Attribute, addressOf, checkForm, numberOf, textOf } from '../attribute.ts';
import { Status } from '../status.ts';
import { Tag } from '../tag.ts';
import type { Database } from './database.ts';
import { type Domain, type PortalKey, portalKey } from './objects.ts';
import { Rejection } from './rejection.ts';

export interface DomainMembers {
  readonly nodes: ReadonlySet<string>;
  /** By their key. */
  readonly portals: ReadonlyMap<string, PortalKey>;
  /** What is no member. */
  readonly rest: readonly Attribute[];
}

/** Whom an index stands for; nobody is left out. Either may raise Rejection. */
export interface MembersByIndex {
  node(index: Attribute): string | undefined;
  portal(index: Attribute): PortalKey | undefined;
}

/** Who may become a member: an index stands only for what is registered now (RFC 4171 §5.6.5.9). */
export function registeredIn(database: Database): MembersByIndex {
  return {
    node(index) {
      const node = database.byIndex('node', numberOf(index));
      if (node?.type === 'node') return node.name;
      throw new Rejection(Status.invalidRegistration, 'no node is registered under this index', [index]);
    },
    portal(index) {
      const portal = database.byIndex('portal', numberOf(index));
      if (portal?.type === 'portal') return { address: portal.address, port: portal.port };
      throw new Rejection(Status.invalidRegistration, 'no portal is registered under this index', [index]);
    },
  };
}

/** Who may cease to be one: members who are not registered have their index too, and nobody is no error (RFC 4171 §5.6.5.10). */
export function listedIn(domain: Domain | undefined): MembersByIndex {
  return {
    node: (given) => [...(domain?.nodes ?? [])].find(([, index]) => index === numberOf(given))?.[0],
    portal: (given) => [...(domain?.portals.values() ?? [])].find(({ index }) => index === numberOf(given)),
  };
}

/** Names are prepared. Raises Rejection, and ISNS_ATTRIBUTE_INVALID. */
export function membersIn(operating: readonly Attribute[], byIndex: MembersByIndex): DomainMembers {
  const nodes = new Set<string>();
  const portals = new Map<string, PortalKey>();
  const rest: Attribute[] = [];
  for (const [at, attribute] of operating.entries()) {
    checkForm(attribute);
    switch (attribute.tag) {
      case Tag.ddMemberIscsiName:
        nodes.add(textOf(attribute));
        break;
      case Tag.ddMemberIscsiIndex: {
        const name = byIndex.node(attribute);
        if (name !== undefined) nodes.add(name);
        break;
      }
      case Tag.ddMemberPortalIndex: {
        const portal = byIndex.portal(attribute);
        if (portal !== undefined) portals.set(portalKey(portal), portal);
        break;
      }
      case Tag.ddMemberPortalIpAddress: {
        const port = operating[at + 1];
        if (port?.tag !== Tag.ddMemberPortalPort) {
          throw new Rejection(Status.messageFormatError, 'the address of a portal is not followed by its port');
        }
        const portal = { address: addressOf(attribute), port: numberOf(port) };
        portals.set(portalKey(portal), portal);
        break;
      }
      case Tag.ddMemberPortalPort:
        if (operating[at - 1]?.tag === Tag.ddMemberPortalIpAddress) break;
        throw new Rejection(Status.messageFormatError, 'the port of a portal does not follow its address');
      default:
        rest.push(attribute);
    }
  }
  return { nodes, portals, rest };
}
