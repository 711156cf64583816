/** Random reservations: mostly with the key that its sender has, and of a kind that gets on from where the unit is. */

import type { Random } from '../../../support/random.ts';
import type { Reserve6Command, ReserveInCommand, ReserveOutAction, ReserveOutCommand } from '../command.ts';
import type { UnitModel } from '../model/unit.ts';
import { reserveOutList } from '../parameter-list.ts';
import { FIRST_INITIATOR } from '../ports.ts';

const reservationTypes = [1, 3, 5, 6, 7, 8] as const;
const keys = [1n, 2n, 3n, 0xffff_ffff_ffff_ffffn] as const;

function randomAction(random: Random, port: number, { reservations }: UnitModel): ReserveOutAction {
  if (!reservations.keys.has(port) && !random.oneIn(6)) return random.pick(['register', 'register and ignore']);
  if (reservations.reservation === undefined && random.oneIn(2)) return 'reserve';
  if (reservations.isHolder(port) && random.oneIn(6)) return 'register and move';
  return random.pick([
    ...(['release', 'release', 'release', 'preempt', 'preempt', 'preempt and abort', 'clear', 'register'] as const),
    ...(['register', 'register and ignore', 'register and move', 'reserve'] as const),
  ]);
}

export function randomReserveOut(random: Random, port: number, unit: UnitModel): ReserveOutCommand {
  const { reservations } = unit;
  const action = randomAction(random, port, unit);
  const ownKey = reservations.keys.get(port) ?? 0n;
  const registered = [...reservations.keys.values()];
  const anyRegistered = registered[random.below(registered.length)] ?? 1n;
  const isPreempting = action === 'preempt' || action === 'preempt and abort';
  const newKey = random.oneIn(4) ? 0n : random.pick(keys);
  const anyType = random.oneIn(12) ? random.below(16) : random.pick(reservationTypes);
  const usesHeldType = action === 'release' && !random.oneIn(6);
  const fields = {
    action,
    scope: random.oneIn(30) ? 1 + random.below(15) : 0,
    type: usesHeldType ? (reservations.reservation?.type ?? anyType) : anyType,
    key: random.oneIn(10) ? random.pick(keys) : ownKey,
    serviceActionKey: isPreempting && !random.oneIn(4) ? anyRegistered : newKey,
    persist: random.oneIn(6),
    allTargetPorts: random.oneIn(6),
    ports:
      random.oneIn(action === 'register' ? 6 : 40) && action !== 'register and move' ? somePorts(random) : undefined,
    unregister: random.oneIn(2),
    destination: random.below(FIRST_INITIATOR + 1),
    relativeTargetPort: random.oneIn(10) ? random.below(4) : 1,
  };
  const list = reserveOutList(fields);
  const hasWrongLength = random.oneIn(40);
  const data = hasWrongLength
    ? Buffer.concat([list, list]).subarray(0, list.length + random.pick([-1, 1, -8, 4]))
    : list;
  return { kind: 'reserve out', ...fields, data, room: 0, hasWrongLength };
}

function somePorts(random: Random): readonly number[] {
  return Array.from({ length: random.below(3) }, () => random.below(FIRST_INITIATOR + 1));
}

export function randomReserveIn(random: Random): ReserveInCommand {
  const action = random.pick(['read keys', 'read reservation', 'report capabilities', 'read full status'] as const);
  return { kind: 'reserve in', action, data: Buffer.alloc(0), room: random.pick([512, 512, 8, 24, 1]) };
}

export function randomReserve6(random: Random): Reserve6Command {
  const kind = random.pick(['reserve', 'release'] as const);
  return { kind, thirdParty: random.oneIn(20), data: Buffer.alloc(0), room: 0 };
}
