/** An IP address as a flag takes it. */

import { DisklessError, isIpv4 } from '../bytes/index.ts';
import { canonicalIpv6 } from '../iscsi/server-name.ts';

/** IPv4 as it is, IPv6 in its canonical form and without brackets. Raises USAGE_VALUE_INVALID. */
export function parseAddressLiteral(text: string): string {
  const address = isIpv4(text) ? text : canonicalIpv6(text.replace(/^\[(.*)\]$/, '$1'));
  if (address !== undefined) return address;
  throw new DisklessError('USAGE_VALUE_INVALID', `"${text}" is no address`, { hint: 'Write it as 192.0.2.5.' });
}
