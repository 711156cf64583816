/**
 * Task management functions that end several tasks at once: which tasks those are (RFC 7143 §4.2.3.2, RFC 7144 §6.5), and how they
 * end: by the standard semantics (§4.2.3.3) or by FastAbort's (§4.2.3.4), as each session has negotiated.
 */

import { serialLess } from '../bytes/index.ts';
import { AsyncEvent, TaskManagementFunction } from '../iscsi/pdu.ts';
import { AdditionalSense } from '../scsi/index.ts';
import type { LogicalUnit } from './logical-unit.ts';
import type { Session } from './session.ts';
import type { SessionConnection } from './session-connection.ts';
import type { Task } from './task.ts';

export interface MultiTaskAbort {
  /** It is about all units of the target, and not about the one that the request names. */
  readonly isTargetWide: boolean;
  /** Whether a task of a unit that it is about ends. `cmdSN` is the request's. */
  affects(task: Task, session: Session, cmdSN: number): boolean;
  /**
   * What else it does to a unit: gives what is to be called when the tasks are over. `nexuses` are those that lose tasks. What others
   * do to the unit meanwhile is none of its business.
   */
  begin?(unit: LogicalUnit, session: Session, nexuses: ReadonlySet<Task['nexus']>): () => void;
  /** The sessions that it ends, after its answer. */
  sessionsToEnd?(session: Session): readonly Session[];
}

/** Tasks of the asking session that come before the request (RFC 7143 §11.5.1). */
function isEarlierOwn(task: Task, session: Session, cmdSN: number): boolean {
  return task.nexus === session && (task.isImmediate || serialLess(task.cmdSN, cmdSN));
}

const isAny = (): boolean => true;

/** Other nexuses learn that their tasks are gone (SAM-5; TAS is 0 in the Control mode page). */
function tellThirdParties(unit: LogicalUnit, session: Session, nexuses: ReadonlySet<Task['nexus']>): () => void {
  return () => {
    for (const nexus of nexuses) {
      if (nexus !== session) unit.tell(nexus, AdditionalSense.commandsClearedByAnotherInitiator);
    }
  };
}

const targetReset: MultiTaskAbort = {
  isTargetWide: true,
  affects: isAny,
  begin: (unit) => unit.prepareReset(AdditionalSense.scsiBusResetOccurred),
};

export const multiTaskAborts: ReadonlyMap<number, MultiTaskAbort> = new Map<number, MultiTaskAbort>([
  [TaskManagementFunction.abortTaskSet, { isTargetWide: false, affects: isEarlierOwn }],
  [
    TaskManagementFunction.clearTaskSet,
    {
      isTargetWide: false,
      affects: (task, session, cmdSN) => task.nexus !== session || isEarlierOwn(task, session, cmdSN),
      begin: tellThirdParties,
    },
  ],
  [
    TaskManagementFunction.logicalUnitReset,
    {
      isTargetWide: false,
      affects: isAny,
      begin: (unit) => unit.prepareReset(AdditionalSense.busDeviceResetFunctionOccurred),
    },
  ],
  [TaskManagementFunction.targetWarmReset, targetReset],
  [TaskManagementFunction.targetColdReset, { ...targetReset, sessionsToEnd: ({ target }) => [...target.sessions] }],
  [
    TaskManagementFunction.itNexusReset,
    {
      isTargetWide: true,
      affects: (task, session) => task.nexus === session,
      sessionsToEnd: (session) => [session],
    },
  ],
]);

/**
 * Milliseconds for the data that R2Ts of aborted tasks have asked for. Linux never sends it: it stops at once, as FastAbort has it,
 * whether or not that was negotiated (node.session.iscsi.FastAbort of open-iscsi), and waits 15 s for the answer of an abort.
 */
const DATA_TIMEOUT = 3_000;

/** Ends tasks for a request that came on `issuing`. Resolves when none of them can change the medium any more. */
export async function abortTasks(tasks: readonly Task[], issuing: SessionConnection): Promise<void> {
  const { session } = issuing;
  const isFast = session.parameters.taskReporting === 'FastAbort';
  const waiting = tasks.filter((task) => task.nexus === session && !isFast && task.transfer?.awaitsSolicited === true);
  const others = new Set(
    tasks.filter(({ nexus, inWindow }) => nexus !== session && inWindow).map(({ nexus }) => nexus),
  );
  const ended = tasks.map((task) =>
    waiting.includes(task) ? task.nexus.abortAfterData(task) : task.nexus.abort(task),
  );
  const timer =
    waiting.length === 0
      ? undefined
      : session.clock.after(DATA_TIMEOUT, () => {
          for (const task of waiting) if (task.state !== 'ended') void task.nexus.abort(task);
        });
  await Promise.all(ended);
  timer?.cancel();
  tellTermination(tasks, issuing);
  // Nothing else tells them that their windows have opened (RFC 7143 §11.4.11).
  for (const nexus of others) nexus.tellWindow();
}

/**
 * Asynchronous Messages to the connections whose initiators do not know of the request: one for each unit. Other initiators only
 * take them when FastAbort was negotiated (RFC 7143 §4.2.3.4 d, §4.2.3.5).
 */
function tellTermination(tasks: readonly Task[], issuing: SessionConnection): void {
  const told = new Map<SessionConnection, Set<LogicalUnit | undefined>>();
  for (const { connection, unit, lun } of tasks) {
    if (connection === issuing || connection.state !== 'open') continue;
    if (connection.parameters.taskReporting !== 'FastAbort') continue;
    const units = told.get(connection) ?? new Set();
    told.set(connection, units);
    if (units.has(unit)) continue;
    units.add(unit);
    connection.responses.asyncMessage(AsyncEvent.taskTermination, { lun });
  }
}
