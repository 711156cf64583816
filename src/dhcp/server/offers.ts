/** Addresses that clients were offered and did not ask for yet: at most one for each client, and one client for each. */

import type { Ipv4Address } from '../../bytes/index.ts';
import type { ClientKey } from './client-identity.ts';

interface Offer {
  readonly address: Ipv4Address;
  readonly clientKey: ClientKey;
  readonly expires: number;
  /** Nobody else answered at it. */
  isTriedOut: boolean;
}

/** How long an offered address is kept for the client, in milliseconds: longer than a PXE ROM's slowest retransmission. */
export const offerTime = 60_000;

export class Offers {
  readonly #byAddress = new Map<Ipv4Address, Offer>();
  readonly #byClient = new Map<ClientKey, Offer>();

  hold(address: Ipv4Address, clientKey: ClientKey, now: number): void {
    const before = this.#byAddress.get(address);
    if (before !== undefined) this.#byClient.delete(before.clientKey);
    this.end(clientKey);
    const isTriedOut = before?.clientKey === clientKey && before.isTriedOut && before.expires > now;
    const offer = { address, clientKey, expires: now + offerTime, isTriedOut };
    this.#byAddress.set(address, offer);
    this.#byClient.set(clientKey, offer);
  }

  end(clientKey: ClientKey): void {
    const offer = this.#byClient.get(clientKey);
    if (offer === undefined) return;
    this.#byClient.delete(clientKey);
    this.#byAddress.delete(offer.address);
  }

  /** What the client was offered last, in time or not. */
  addressOf(clientKey: ClientKey): Ipv4Address | undefined {
    return this.#byClient.get(clientKey)?.address;
  }

  /** Nobody answers at what the client is offered. */
  noteTriedOut(address: Ipv4Address, clientKey: ClientKey): void {
    const offer = this.#byAddress.get(address);
    if (offer?.clientKey === clientKey) offer.isTriedOut = true;
  }

  isTriedOut(address: Ipv4Address, clientKey: ClientKey): boolean {
    const offer = this.#byAddress.get(address);
    return offer?.clientKey === clientKey && offer.isTriedOut;
  }

  /** Until when the address is kept for another client: 0 when it is not. */
  keptUntil(address: Ipv4Address, clientKey: ClientKey): number {
    const offer = this.#byAddress.get(address);
    return offer === undefined || offer.clientKey === clientKey ? 0 : offer.expires;
  }
}
