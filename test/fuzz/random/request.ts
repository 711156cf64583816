/** What random PDUs have in common: tags that were used before or not, numbering that is due or not. */

import { serialAdd } from '../../../src/bytes/index.ts';
import { RESERVED_TAG } from '../../../src/iscsi/opcode.ts';
import type { Random } from '../../support/random.ts';
import type { ObservedConnection } from '../observed/connection.ts';
import { anyU32, near } from './bytes.ts';

export interface RandomPdu {
  readonly kind: string;
  readonly header: Uint8Array;
  readonly data: Uint8Array;
  /** Additional header segments. */
  readonly ahs?: Uint8Array;
  /** The reason with which RFC 7143 has it rejected, when that is certain. */
  readonly rejectedFor?: number;
}

export type PduMaker = (random: Random, connection: ObservedConnection) => RandomPdu;

export const nothing = new Uint8Array(0);

/** What requests share: a tag, numbering, and the bit that makes them immediate. */
export function requestFields(random: Random, connection: ObservedConnection) {
  const { session } = connection;
  const reused = session.tags[random.below(Math.max(1, session.tags.length))];
  const isReused = random.oneIn(12) && reused !== undefined;
  const initiatorTaskTag = isReused ? reused : random.oneIn(400) ? RESERVED_TAG : random.below(0xf000_0000);
  return {
    initiatorTaskTag,
    immediate: random.oneIn(3),
    cmdSN: random.oneIn(6) ? serialAdd(session.expCmdSN, random.below(140) - 4) : near(random, session.expCmdSN),
    expStatSN: near(random, connection.expStatSN),
  };
}

/** One that was sent, if there is one. */
export function anyTag(random: Random, { session }: ObservedConnection): number {
  return session.tags[random.below(Math.max(1, session.tags.length))] ?? anyU32(random);
}
