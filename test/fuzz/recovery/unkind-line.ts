/** What happens to PDUs on their way: digests show that they were damaged, and lines break. Until it is told to be kind. */

import type { Random } from '../../support/random.ts';
import type { Digests, PduBytesOptions } from '../observed/pdu-bytes.ts';

export class UnkindLine {
  readonly #random: Random;
  /** One in so many PDUs is damaged; 0: none. */
  readonly #damagesOneIn: number;
  isKind = false;

  constructor(random: Random, damagesOneIn: number) {
    this.#random = random;
    this.#damagesOneIn = damagesOneIn;
  }

  get #damages(): boolean {
    return !this.isKind && this.#damagesOneIn > 0 && this.#random.oneIn(this.#damagesOneIn);
  }

  /** How a PDU of the initiator is to be sent. Damage to a header ends the connection: it is seldom. */
  outwards(digests: Digests, dataLength: number): PduBytesOptions {
    if (!this.#damages) return {};
    if (digests.headerDigest && this.#random.oneIn(8)) return { wrongHeaderDigest: true };
    return digests.dataDigest && dataLength > 0 ? { wrongDataDigest: true } : {};
  }

  /** What a PDU of the target comes to. */
  inwards(digests: Digests, dataLength: number): 'whole' | 'header damaged' | 'data damaged' {
    if (!this.#damages) return 'whole';
    if (digests.headerDigest && this.#random.oneIn(8)) return 'header damaged';
    return digests.dataDigest && dataLength > 0 ? 'data damaged' : 'whole';
  }
}
