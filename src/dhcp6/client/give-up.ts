/** Why a client has nothing: one error that names what was heard last. */

import { DisklessError } from '../../bytes/index.ts';
import { formatDuid } from '../duid.ts';
import type { Dhcp6Message } from '../message.ts';
import { Option, StatusCode } from '../option.ts';
import { summary } from '../summary.ts';
import { associationOf, statusOf } from './lease.ts';

export interface Refusal {
  /** The server's DUID. */
  readonly server: Uint8Array;
  readonly code: number;
  readonly message: string;
}

/** Why a server gave nothing: the status of the IA, or of the whole message. Undefined when it refuses nothing, or does not say who it is. */
export function refusalIn(message: Dhcp6Message, iaid: number): Refusal | undefined {
  const server = message.options.find(Option.serverIdentifier);
  const association = associationOf(message, iaid);
  const inner = association === undefined ? undefined : statusOf(association);
  const status = inner === undefined || inner.code === StatusCode.success ? statusOf(message) : inner;
  return server === undefined || status.code === StatusCode.success ? undefined : { server, ...status };
}

export function giveUpError(
  wanted: 'an address' | 'information',
  waited: string,
  refusal: Refusal | undefined,
  advertise: Dhcp6Message | undefined,
): DisklessError {
  if (refusal !== undefined) {
    const why = `status ${refusal.code}${refusal.message === '' ? '' : `, "${refusal.message}"`}`;
    const what = `the DHCPv6 server ${formatDuid(refusal.server)} refused ${wanted} for ${waited}: ${why}`;
    return new DisklessError('DHCP6_REFUSED', what, { hint: "Look at that server's pool and reservations." });
  }
  if (advertise !== undefined) {
    const what = `a DHCPv6 server offered an address and did not confirm it within ${waited} (${summary(advertise)})`;
    return new DisklessError('DHCP6_NO_REPLY', what, { hint: 'Look at the log of that server, or try again.' });
  }
  return new DisklessError('DHCP6_NO_ANSWER', `no DHCPv6 server gave ${wanted} within ${waited}`, {
    hint: 'Is the cable in, and does a DHCPv6 server or relay agent serve this link? A switch port may need seconds.',
  });
}
