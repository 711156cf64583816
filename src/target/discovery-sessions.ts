/**
 * The discovery sessions of a portal, or those that name one target: an initiator port has one of them at a time, and a new one takes
 * the place of the old (RFC 7143 §7.4.2).
 */

import type { DiscoverySession } from './discovery.ts';
import type { SessionReference } from './event.ts';

export class DiscoverySessions {
  readonly #byPort = new Map<string, DiscoverySession>();

  /** `portal`: where the initiator has logged in, where that tells sessions apart. Ends the one that was there. */
  add(session: DiscoverySession, port: InitiatorPort, portal = ''): void {
    this.end(port, portal);
    this.#byPort.set(keyOf(port, portal), session);
  }

  end(port: InitiatorPort, portal = ''): boolean {
    const old = this.#byPort.get(keyOf(port, portal));
    old?.giveWay();
    return old !== undefined;
  }

  /** It is over. */
  delete(session: DiscoverySession): void {
    for (const [key, each] of this.#byPort) if (each === session) this.#byPort.delete(key);
  }
}

type InitiatorPort = Pick<SessionReference, 'initiatorName' | 'isid'>;

function keyOf({ initiatorName, isid }: InitiatorPort, portal: string): string {
  return `${initiatorName} ${isid} ${portal}`;
}
