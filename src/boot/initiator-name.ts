/** The name that this machine boots under when nobody gives it one. */

import type { NetworkInterface } from '../os/network.ts';
import { isLoopback } from './interface-setup.ts';

/** `.internal` is reserved for private use, so nobody else can own these names. */
const PREFIX = 'iqn.2026-11.internal.diskless:client-';

/** Always the same for a machine, as targets grant access by it: made from the hardware address it boots by, else its first one. */
export function defaultInitiatorName(
  chosen: NetworkInterface | undefined,
  interfaces: readonly NetworkInterface[],
): string {
  const hardware = chosen ?? interfaces.find((each) => !isLoopback(each));
  return `${PREFIX}${hardware === undefined ? 'localhost' : hardware.mac.replaceAll(':', '-')}`;
}
