/** Task management functions (RFC 7143 §11.5, §4.2.3; SAM-5 §7). */

import { TaskManagementFunction, type TaskManagementRequest, TaskManagementResponseCode } from '../iscsi/pdu.ts';
import { AdditionalSense, decodeLun } from '../scsi/index.ts';
import type { LogicalUnit } from './logical-unit.ts';
import type { Session } from './session.ts';
import type { Target } from './target.ts';
import type { Task } from './task.ts';

const { functionComplete, taskDoesNotExist, lunDoesNotExist, functionNotSupported } = TaskManagementResponseCode;

/** Does what is asked and gives the response code, once none of the aborted tasks can change the medium any more. */
export async function manageTasks(session: Session, request: TaskManagementRequest): Promise<number> {
  const { target } = session;
  switch (request.function) {
    case TaskManagementFunction.abortTask: {
      const task = session.tasks.find(request.referencedTaskTag);
      if (task === undefined) return taskDoesNotExist;
      await abortAll([task]);
      return functionComplete;
    }
    case TaskManagementFunction.abortTaskSet:
      return onUnit(target, request, (unit) => abortAll(unit.taskSet.tasks().filter((task) => task.nexus === session)));
    case TaskManagementFunction.clearTaskSet:
      return onUnit(target, request, (unit) => clearTaskSet(unit, session));
    case TaskManagementFunction.logicalUnitReset:
      return onUnit(target, request, async (unit) => {
        await abortAll(unit.taskSet.tasks());
        unit.reset(AdditionalSense.busDeviceResetFunctionOccurred);
      });
    case TaskManagementFunction.targetWarmReset:
    case TaskManagementFunction.targetColdReset:
      await Promise.all([...target.units.values()].map((unit) => abortAll(unit.taskSet.tasks())));
      for (const unit of target.units.values()) unit.reset(AdditionalSense.scsiBusResetOccurred);
      return functionComplete;
    default:
      return functionNotSupported;
  }
}

async function onUnit(
  target: Target,
  request: TaskManagementRequest,
  action: (unit: LogicalUnit) => Promise<void>,
): Promise<number> {
  const lun = decodeLun(request.lun);
  const unit = lun === undefined ? undefined : target.units.get(lun);
  if (unit === undefined) return lunDoesNotExist;
  await action(unit);
  return functionComplete;
}

/** Other nexuses learn that their tasks are gone (SAM-5 §7.5, TAS is 0 in the Control mode page). */
async function clearTaskSet(unit: LogicalUnit, session: Session): Promise<void> {
  const tasks = unit.taskSet.tasks();
  const others = new Set(tasks.map(({ nexus }) => nexus).filter((nexus) => nexus !== session));
  await abortAll(tasks);
  for (const nexus of others) unit.tell(nexus, AdditionalSense.commandsClearedByAnotherInitiator);
}

async function abortAll(tasks: readonly Task[]): Promise<void> {
  await Promise.all(tasks.map((task) => task.nexus.abort(task)));
}
