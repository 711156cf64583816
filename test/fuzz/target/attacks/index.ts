/** Every attack, with how often it comes. */

import type { Random } from '../../../support/random.ts';
import { turns } from '../../turns.ts';
import type { Attack } from '../arena.ts';
import { attackLogin, cut, joinEndingSession, joinSession, loginsAtOnce } from './connections.ts';
import { floodOfReads, floodOfWrites, hoard, loseAgain } from './floods.ts';
import { sendAgain, sendDamaged, sendDisorder, sendPdu, sendWrongDigest } from './pdus.ts';

/** Turns in which a line carries what was sent, in pieces too. */
const WIRE_TURNS = 40;

/** Nothing but time: seconds in which timers go off. What is on its way, an acknowledgement that is waited for, arrives before that. */
const passTime: Attack = async (arena) => {
  arena.note('time');
  await turns(WIRE_TURNS);
  arena.portal.clock.advance(10_000);
  return undefined;
};

/** Of `TOTAL`. What costs much, or ends much, comes seldom. */
const attacks: readonly (readonly [number, Attack])[] = [
  [1100, sendPdu],
  [220, sendDamaged],
  [100, sendWrongDigest],
  [150, sendAgain],
  [150, sendDisorder],
  [70, cut],
  [80, joinSession],
  [15, loginsAtOnce],
  [15, joinEndingSession],
  [60, attackLogin],
  [20, passTime],
  [1, floodOfReads],
  [1, floodOfWrites],
  [1, hoard],
  [2, loseAgain],
];

const TOTAL = attacks.reduce((sum, [weight]) => sum + weight, 0);

export function pickAttack(random: Random): Attack {
  let left = random.below(TOTAL);
  for (const [weight, attack] of attacks) {
    if (left < weight) return attack;
    left -= weight;
  }
  return sendPdu;
}
