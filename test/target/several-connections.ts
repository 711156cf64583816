/** Sessions of several connections. */

import type { RawInitiator } from './raw-initiator.ts';
import { type ServedTarget, TARGET } from './served-target.ts';

export const several = { MaxConnections: '4' };

/** The first connection of a session. */
export async function open(
  served: ServedTarget,
  keys: Readonly<Record<string, string>> = several,
  isid = '800000000001',
): Promise<RawInitiator> {
  const initiator = await served.connect();
  await initiator.login({ targetName: TARGET, keys, isid });
  return initiator;
}

/** One more connection of the session that `first` belongs to. */
export async function join(served: ServedTarget, first: RawInitiator, cid: number): Promise<RawInitiator> {
  const initiator = await served.connect();
  initiator.cmdSN = first.cmdSN;
  initiator.lastTag = cid << 16;
  initiator.acknowledges = first.acknowledges;
  await initiator.login({ targetName: TARGET, tsih: first.tsih, cid });
  return initiator;
}
