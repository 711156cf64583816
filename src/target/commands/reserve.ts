/** PERSISTENT RESERVE IN and OUT (SPC-4), and RESERVE(6) and RELEASE(6) of SPC-2 beside them. */

import { PersistentReserveOutCdb, Reserve6Cdb } from '../../scsi/index.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { GOOD, invalidFieldInCdb, type Outcome, RESERVATION_CONFLICT } from '../outcome.ts';
import { takeParameterList } from '../parameter-list.ts';
import { sameNexus } from '../reservations/state.ts';
import type { Task } from '../task.ts';
import { answerWith, type Command } from './command.ts';

const reserveIn: Command = {
  execute: (unit, task) => answerWith(task, unit.reservations.reserveIn(task.cdb)),
};

const reserveOut: Command = {
  prepare: (_unit, task) => takeParameterList(task, PersistentReserveOutCdb.view(task.cdb).parameterListLength),
  async execute(unit, task) {
    const own = unit.nameOf(task.nexus);
    const decision = await unit.reservations.reserveOut(own, task.cdb, task.parameters());
    for (const { nexus, code } of decision.attentions) unit.tellNamed(nexus, code);
    const tasks = unit.taskSet
      .tasks()
      .filter((other) => other !== task)
      .filter((other) => decision.abortTasksOf.some((nexus) => sameNexus(nexus, unit.nameOf(other.nexus))));
    const others = new Set(tasks.map(({ nexus }) => nexus).filter((nexus) => nexus !== task.nexus));
    const copies = decision.abortTasksOf.map((nexus) => unit.endCopiesOf(nexus));
    await Promise.all([...tasks.map((other) => other.nexus.abort(other)), ...copies]);
    for (const nexus of others) nexus.tellWindow();
    return decision.outcome;
  },
};

/** Its response follows those of the tasks that it has ended (RFC 7143 §4.2.2.3.4). */
const preemptAndAbort: Command = {
  ...reserveOut,
  execute: async (unit, task) => ({ ...(await reserveOut.execute(unit, task)), isFenced: true }),
};

/** Only reservations of the whole unit for the asker itself exist: extents and third parties are obsolete (SPC-2, RESERVE(6)). */
function checkReserve(task: Task): Outcome | undefined {
  const cdb = Reserve6Cdb.view(task.cdb);
  return cdb.thirdParty || cdb.extent ? invalidFieldInCdb(1) : undefined;
}

/** Answers a RESERVE(6) or RELEASE(6) as far as persistent reservations decide it; undefined when SPC-2's own rules hold. */
function besidePersistent(unit: LogicalUnit, task: Task): Outcome | undefined {
  const failure = checkReserve(task);
  if (failure !== undefined) return failure;
  const treatment = unit.reservations.reserve6Treatment(unit.nameOf(task.nexus));
  if (treatment === 'process') return undefined;
  return treatment === 'nothing' ? GOOD : RESERVATION_CONFLICT;
}

export const reserveCommands = {
  persistentReserveInReadKeys: reserveIn,
  persistentReserveInReadReservation: reserveIn,
  persistentReserveInReportCapabilities: reserveIn,
  persistentReserveInReadFullStatus: reserveIn,
  persistentReserveOutRegister: reserveOut,
  persistentReserveOutReserve: reserveOut,
  persistentReserveOutRelease: reserveOut,
  persistentReserveOutClear: reserveOut,
  persistentReserveOutPreempt: reserveOut,
  persistentReserveOutPreemptAndAbort: preemptAndAbort,
  persistentReserveOutRegisterAndIgnoreExistingKey: reserveOut,
  persistentReserveOutRegisterAndMove: reserveOut,
  reserve6: {
    execute(unit, task) {
      const settled = besidePersistent(unit, task);
      if (settled !== undefined) return settled;
      return unit.reservation.reserve(task.nexus) ? GOOD : RESERVATION_CONFLICT;
    },
  },
  release6: {
    /** Releasing what another nexus has reserved is GOOD and does nothing (SPC-2, RELEASE(6)). */
    execute(unit, task) {
      const settled = besidePersistent(unit, task);
      if (settled !== undefined) return settled;
      unit.reservation.release(task.nexus);
      return GOOD;
    },
  },
} satisfies Record<string, Command>;
