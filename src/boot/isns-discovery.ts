/** The discovery service stage by iSNS (RFC 4173 §6): a target's address by its name, or the targets that this machine may boot from. */

import { DisklessError } from '../bytes/index.ts';
import { rootPathDefaults } from '../iscsi/root-path.ts';
import type { Attribute } from '../isns/attribute.ts';
import { requireSuccess } from '../isns/client.ts';
import type { ResponseSections } from '../isns/message.ts';
import { Status } from '../isns/status.ts';
import {
  bootListOf,
  domainQuery,
  initiatorRegistration,
  nodeDeregistration,
  type TargetPortal,
  targetQuery,
  targetsOf,
} from '../isns/target-query.ts';
import type { Clock } from '../os/clock.ts';
import type { Endpoint, Network } from '../os/network.ts';
import { IsnsConnection } from './isns-connection.ts';

export interface IsnsDiscovery {
  readonly network: Network;
  readonly clock: Clock;
  readonly server: Endpoint;
  readonly initiatorName: string;
  /** Without one: every target that the server shows to this initiator. */
  readonly targetName?: string;
  /** Milliseconds for the connection, and for each answer. */
  readonly timeout: number;
  readonly signal?: AbortSignal;
}

export interface IsnsTarget {
  /** A literal without brackets. */
  readonly host: string;
  readonly port: number;
  readonly targetName: string;
  /** 0..65535 */
  readonly portalGroupTag: number;
  /** It is in a boot list with this initiator (RFC 4171 §6.11.2.9). */
  readonly bootable: boolean;
}

/**
 * Those of boot lists come first, else in the server's order; none when the server knows none. Raises ISNS_TIMEOUT, ISNS_REFUSED,
 * ISNS_PDU_INVALID, ISNS_ATTRIBUTE_INVALID, and what connecting raises.
 */
export async function findByIsns(discovery: IsnsDiscovery): Promise<IsnsTarget[]> {
  const { initiatorName, targetName } = discovery;
  using connection = await IsnsConnection.open({ ...discovery, source: initiatorName });
  const asked = await ask(connection, targetName);
  if (asked.targets.length > 0) return await withBootList(connection, initiatorName, asked.targets);
  // A server may show nothing to whom it does not know (RFC 4171 §2.3.1).
  const isRegistered = await register(connection, initiatorName);
  if (!isRegistered) {
    if (asked.isKnown) return [];
    throw new DisklessError('ISNS_REFUSED', `the iSNS server does not know ${initiatorName}, and registers it not`, {
      hint: 'Allow this initiator there, or give another name with --initiator.',
    });
  }
  try {
    const { targets } = await ask(connection, targetName);
    return await withBootList(connection, initiatorName, targets);
  } finally {
    await connection.request(nodeDeregistration(initiatorName)).catch(() => undefined);
  }
}

interface Asked {
  readonly targets: readonly TargetPortal[];
  /** The server knows who asks. */
  readonly isKnown: boolean;
}

/** RFC 4171 contradicts itself about what nobody has: "successful" without anything (§5.6.5.2), or "no such entry" (§6.3.4). */
async function ask(connection: IsnsConnection, targetName: string | undefined): Promise<Asked> {
  const response = await connection.request(targetQuery(targetName));
  if (response.status === Status.sourceUnknown) return { targets: [], isKnown: false };
  if (response.status === Status.noSuchEntry) return { targets: [], isKnown: true };
  const targets = targetsOf(requireSuccess(response, 'to show targets').operating);
  const wanted = targets.filter((target) => targetName === undefined || target.targetName === targetName);
  return { targets: wanted, isKnown: true };
}

/** False when the server wants it not, as when the name is registered already. */
async function register(connection: IsnsConnection, initiatorName: string): Promise<boolean> {
  const { status } = await connection.request(initiatorRegistration(initiatorName));
  return status === Status.successful;
}

async function withBootList(
  connection: IsnsConnection,
  initiatorName: string,
  targets: readonly TargetPortal[],
): Promise<IsnsTarget[]> {
  const bootList = bootListOf(attributesOf(await connection.request(domainQuery)), initiatorName);
  const found = targets.map(({ targetName, address, port, portalGroupTag }) => ({
    host: address,
    port: port === 0 ? rootPathDefaults.port : port,
    targetName,
    portalGroupTag,
    bootable: bootList.has(targetName),
  }));
  return found.toSorted((one, other) => Number(other.bootable) - Number(one.bootable));
}

/** A server without discovery domains has no boot lists; its targets are there all the same. */
function attributesOf({ status, operating }: ResponseSections): readonly Attribute[] {
  return status === Status.successful ? operating : [];
}
