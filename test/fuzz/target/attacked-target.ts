/** The targets of a world of attacks: one that is attacked, with devices that may be slow and ill, and a quiet one for the bystander. */

import { Target } from '../../../src/target/target.ts';
import type { Random } from '../../support/random.ts';
import { UNIT_BLOCKS } from '../random/command.ts';
import { WatchedDevice } from '../watched-device.ts';

export const ATTACKED = 'iqn.2026-11.internal.test:attacked';
export const QUIET = 'iqn.2026-11.internal.test:quiet';
export const DISK_BYTES = UNIT_BLOCKS * 512;

export function attackedTarget(random: Random, onViolation: (what: string) => void): Target {
  const device = (failsOneIn: number): WatchedDevice =>
    new WatchedDevice({ content: DISK_BYTES, random, slow: random.oneIn(2), failsOneIn, onViolation });
  const units = [device(random.oneIn(4) ? 20 : 0), device(0)];
  return new Target({ name: ATTACKED, units: new Map(units.entries()) });
}

/** `content`: of its disk. */
export function quietTarget(random: Random, content: Uint8Array, onViolation: (what: string) => void): Target {
  const device = new WatchedDevice({ content, random, slow: true, failsOneIn: 0, onViolation });
  return new Target({ name: QUIET, units: new Map([[0, device]]) });
}
