/**
 * Which stages of RFC 4173 §3 a boot has to go through, given what is known: decided before the first of them, and again after each.
 */

import { DisklessError } from '../bytes/index.ts';
import { formatServerName, type ServerName } from '../iscsi/server-name.ts';
import type { BootParameters } from './boot-parameters.ts';
import type { BootRequest } from './boot-request.ts';
import type { DiscoveryService } from './discovery-service.ts';

export type StageName = 'software' | 'dhcp' | 'discovery' | 'boot';

export interface Decision {
  readonly necessary: boolean;
  /** A clause: why it is necessary, or why not. */
  readonly reason: string;
}

/** What decides about the DHCP stage beside the parameters. */
export interface Situation {
  /** Whether this machine, or the interface that was named, has an IP address. */
  readonly hasAddress: boolean;
}

/** RFC 4173 §4: a client without an initiator fetches one; this one fetches it only to see what such a client would get. */
export function decideSoftware({ software }: BootRequest): Decision {
  if (software === undefined) return { necessary: false, reason: 'this program is an iSCSI initiator itself' };
  const what = software.kind === 'dhcp' ? 'the boot file that DHCP names' : software.url.href;
  return { necessary: true, reason: `${what} is wanted` };
}

/** RFC 4173 §5: with all of it known, the client goes straight to the boot stage. */
export function decideDhcp(request: BootRequest, parameters: BootParameters, situation: Situation): Decision {
  if (request.dhcp === 'off') return { necessary: false, reason: 'it is switched off' };
  if (request.software?.kind === 'dhcp') return { necessary: true, reason: 'the boot file is wanted that it names' };
  if (parameters.server === undefined) {
    const missing = parameters.targetName === undefined ? 'the server and the target' : 'the server';
    return { necessary: true, reason: `nobody has named ${missing} yet` };
  }
  if (parameters.targetName === undefined && request.discovery === 'off') {
    return { necessary: true, reason: 'nobody has named the target yet' };
  }
  if (!situation.hasAddress) return { necessary: true, reason: 'the interface has no IP address' };
  const given =
    parameters.targetName === undefined
      ? 'the server is given, and can be asked for its targets'
      : 'server and target are given';
  return { necessary: false, reason: given };
}

/** What the discovery stage has to work with. */
export type DiscoveryDecision =
  | { readonly necessary: true; readonly reason: string; readonly services: readonly DiscoveryMethod[] }
  | { readonly necessary: false; readonly reason: string; readonly server: ServerName; readonly targetName: string };

export type DiscoveryMethod = DiscoveryService['name'];

/**
 * RFC 4173 §6: discovery is for what DHCP could not tell. A known server is asked by SendTargets; without one, SLP and iSNS may know
 * where the target is, or which targets this initiator may boot from. Raises BOOT_SERVER_UNKNOWN and BOOT_TARGET_UNKNOWN when what is
 * missing cannot be found out.
 */
export function decideDiscovery(
  request: BootRequest,
  parameters: BootParameters,
  askable: AskableServices,
): DiscoveryDecision {
  const { server, targetName } = parameters;
  if (server !== undefined && targetName !== undefined) {
    const reason = `the target is known from ${spoken[targetName.source]}`;
    return { necessary: false, reason, server: server.value, targetName: targetName.value };
  }
  const services = servicesFor(request.discovery, server !== undefined, askable);
  if (services.length > 0) return { necessary: true, reason: missing(parameters), services };
  if (server === undefined) throw serverUnknown(request, targetName?.value);
  throw new DisklessError('BOOT_TARGET_UNKNOWN', `${missing(parameters)}, and discovery is off`, {
    hint: 'Give --target, or let --discovery sendtargets ask the server.',
  });
}

/** Which services can be asked where no server is known. */
export interface AskableServices {
  readonly slp: boolean;
  /** `located`: the address of a server is known already. */
  readonly isns: 'located' | 'to be found' | false;
}

function servicesFor(
  discovery: BootRequest['discovery'],
  serverKnown: boolean,
  { slp, isns }: AskableServices,
): readonly DiscoveryMethod[] {
  switch (discovery) {
    case 'off':
      return [];
    case 'sendtargets':
      return serverKnown ? ['sendtargets'] : [];
    case 'slp':
      return slp ? ['slp'] : [];
    case 'isns':
      return isns === false ? [] : ['isns'];
    case 'auto':
      if (serverKnown) return ['sendtargets'];
      // A server of known address is asked before SLP, which has to shout.
      return [...(isns === 'located' ? (['isns'] as const) : []), ...(slp ? (['slp'] as const) : [])];
  }
}

/** A clause. */
function missing({ server, targetName }: BootParameters): string {
  if (server !== undefined) return `the server ${formatServerName(server.value)} is known and the target is not`;
  if (targetName !== undefined) return `the target ${targetName.value} is known and its server is not`;
  return 'neither server nor target is known';
}

const spoken = { user: 'the user', dhcp: 'DHCP', discovery: 'discovery', default: 'a default' } as const;

function serverUnknown({ discovery }: BootRequest, targetName: string | undefined): DisklessError {
  const wanted =
    targetName === undefined
      ? 'neither a server nor a target is known'
      : `no server is known for the target ${targetName}`;
  const why = discovery === 'off' ? 'discovery is off' : 'SendTargets needs a server to ask';
  return new DisklessError('BOOT_SERVER_UNKNOWN', `${wanted}, and ${why}`, {
    hint: 'Let the DHCP server name it in the Root Path (option 17: iscsi:SERVER::::TARGET), or give --server-name.',
  });
}
