/** SendTargets (RFC 7143 §13.3, appendix C): which targets a portal offers, and where each of them listens. */

import { decodeText, encodeText } from '../iscsi/text.ts';
import type { Session } from './session.ts';
import { parseTargetAddress, type TargetAddress } from './target-address.ts';

export interface DiscoveredTarget {
  /** As the target writes it: some give their targets names that the standard does not allow. */
  readonly name: string;
  /** Never empty. */
  readonly addresses: readonly TargetAddress[];
}

/** Asks in a discovery session. Raises ISCSI_TARGET_ADDRESS, ISCSI_TEXT_MALFORMED, and what ends the session. */
export async function sendTargets(session: Session): Promise<DiscoveredTarget[]> {
  const answer = await session.exchangeText(encodeText([{ key: 'SendTargets', value: 'All' }]));
  const targets: { name: string; addresses: TargetAddress[] }[] = [];
  for (const { key, value } of decodeText(answer)) {
    if (key === 'TargetName') targets.push({ name: value, addresses: [] });
    else if (key === 'TargetAddress') targets.at(-1)?.addresses.push(parseTargetAddress(value));
  }
  // Without an address, the target is where it was asked for (RFC 7143 appendix C).
  const { address: host, port } = session.remote;
  return targets.map(({ name, addresses }) => ({
    name,
    addresses: addresses.length > 0 ? addresses : [{ host, port }],
  }));
}
