/** Which of several servers to take (RFC 8415 §18.2.9). */

import type { Dhcp6Message } from '../message.ts';
import { Option } from '../option.ts';
import { leaseFrom } from './lease.ts';

export interface AdvertiseChoice {
  readonly advertise: Dhcp6Message;
  /** Why this one: a clause that follows "it". */
  readonly reason: string;
}

/** RFC 8415 §18.2.1: nothing better can come, so nothing is waited for. */
export const highestPreference = 255;

export function preferenceOf({ options }: Dhcp6Message): number {
  return options.find(Option.preference) ?? 0;
}

/** RFC 5970 §5: option 59 is the Root Path of DHCPv6. */
export function carriesIscsiUrl({ options }: Dhcp6Message): boolean {
  return options.find(Option.bootFileUrl)?.toLowerCase().startsWith('iscsi:') === true;
}

/** An Advertise without addresses is ignored but for what it says of waiting (RFC 8415 §18.2.9). */
export function offersAddresses(advertise: Dhcp6Message, iaid: number): boolean {
  return leaseFrom(advertise, iaid, { advertise: undefined, reason: '' }, 0) !== undefined;
}

const preferences: readonly { readonly holds: (advertise: Dhcp6Message) => boolean; readonly reason: string }[] = [
  { holds: carriesIscsiUrl, reason: 'carries an iscsi: URL' },
  { holds: ({ options }) => options.has(Option.bootFileUrl), reason: 'names a boot file' },
];

/**
 * The servers in the order in which to ask them: the highest preference first; of equal ones that whose answer helps most towards
 * booting, of equals the first.
 */
export function ranked(advertises: readonly Dhcp6Message[]): AdvertiseChoice[] {
  const highest = Math.max(...advertises.map(preferenceOf));
  const differ = advertises.some((advertise) => preferenceOf(advertise) !== highest);
  return advertises
    .map((advertise) => {
      const rank = preferences.findIndex(({ holds }) => holds(advertise));
      const preference = preferenceOf(advertise);
      const preferred = `has the preference ${preference}`;
      const helpful = preferences[rank]?.reason ?? (advertises.length === 1 ? 'is the only one' : 'came first');
      const reason = differ && preference === highest ? preferred : helpful;
      return { advertise, reason, preference, rank: rank < 0 ? preferences.length : rank };
    })
    .sort((one, other) => other.preference - one.preference || one.rank - other.rank)
    .map(({ advertise, reason }) => ({ advertise, reason }));
}
