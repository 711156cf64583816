/** A random command of an initiator port for a unit, of which the model says how it is. */

import type { Random } from '../../../support/random.ts';
import type { Command } from '../command.ts';
import type { UnitModel } from '../model/unit.ts';
import { randomBlockCommand, randomUnmap } from './block-command.ts';
import { randomReserve6, randomReserveIn, randomReserveOut } from './reservation-command.ts';
import {
  randomModeSelect,
  randomModeSense,
  randomPlain,
  randomPrevent,
  randomRequestSense,
  randomUnknown,
} from './unit-command.ts';

/** Of a hundred. */
export function randomCommand(random: Random, port: number, unit: UnitModel): Command {
  const kind = random.below(100);
  if (kind < 42) return randomBlockCommand(random, unit);
  if (kind < 46) return randomUnmap(random);
  if (kind < 62) return randomReserveOut(random, port, unit);
  if (kind < 66) return randomReserveIn(random);
  if (kind < 72) return randomReserve6(random);
  if (kind < 78) return randomModeSelect(random);
  if (kind < 81) return randomModeSense(random);
  if (kind < 84) return randomRequestSense(random);
  if (kind < 87) return randomPrevent(random);
  return kind < 98 ? randomPlain(random) : randomUnknown(random);
}
