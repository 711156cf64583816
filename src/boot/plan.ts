/**
 * Which stages of RFC 4173 §3 a boot has to go through, given what is known: decided before the first of them, and again after each.
 */

import { DisklessError } from '../bytes/index.ts';
import { formatServerName, type ServerName } from '../iscsi/server-name.ts';
import type { BootParameters } from './boot-parameters.ts';
import type { BootRequest } from './boot-request.ts';

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

/** RFC 4173 §4: a client without an initiator fetches one. */
export function decideSoftware(): Decision {
  return { necessary: false, reason: 'this program is an iSCSI initiator itself' };
}

/** RFC 4173 §5: with all of it known, the client goes straight to the boot stage. */
export function decideDhcp(request: BootRequest, parameters: BootParameters, situation: Situation): Decision {
  if (request.dhcp === 'off') return { necessary: false, reason: 'it is switched off' };
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
  | { readonly necessary: true; readonly reason: string; readonly server: ServerName }
  | { readonly necessary: false; readonly reason: string; readonly server: ServerName; readonly targetName: string };

/**
 * RFC 4173 §6: discovery is for what DHCP could not tell. SendTargets asks a known server for its targets. Raises BOOT_SERVER_UNKNOWN
 * and BOOT_TARGET_UNKNOWN when what is missing cannot be found out.
 */
export function decideDiscovery(request: BootRequest, parameters: BootParameters): DiscoveryDecision {
  const { server, targetName } = parameters;
  if (server === undefined) throw serverUnknown(targetName?.value);
  if (targetName !== undefined) {
    const reason = `the target is known from ${spoken[targetName.source]}`;
    return { necessary: false, reason, server: server.value, targetName: targetName.value };
  }
  const name = formatServerName(server.value);
  if (request.discovery === 'sendtargets') {
    return { necessary: true, reason: `the server ${name} is known and the target is not`, server: server.value };
  }
  throw new DisklessError(
    'BOOT_TARGET_UNKNOWN',
    `the server ${name} is known, but not which of its targets to boot from`,
    {
      hint: 'Give --target, or let --discovery sendtargets ask the server.',
    },
  );
}

const spoken = { user: 'the user', dhcp: 'DHCP', discovery: 'discovery', default: 'a default' } as const;

function serverUnknown(targetName: string | undefined): DisklessError {
  const wanted =
    targetName === undefined
      ? 'neither a server nor a target is known'
      : `no server is known for the target ${targetName}`;
  return new DisklessError('BOOT_SERVER_UNKNOWN', `${wanted}, and SendTargets needs a server to ask`, {
    hint: 'Let the DHCP server name it in the Root Path (option 17: iscsi:SERVER::::TARGET), or give --server-name.',
  });
}
