/** Task management functions about one task: ABORT TASK and QUERY TASK (RFC 7143 §11.5.1, §11.6.1; RFC 7144 §6.3). */

import type { Awaitable } from '../block/device.ts';
import { serialLess } from '../bytes/index.ts';
import { type TaskManagementRequest, TaskManagementResponseCode } from '../iscsi/pdu.ts';
import { endsInTime } from './device-work.ts';
import { answerLost } from './reassignment.ts';
import type { SessionConnection } from './session-connection.ts';

const { functionComplete, functionSucceeded, taskDoesNotExist, functionRejected } = TaskManagementResponseCode;

/** Gives the response code, once the task can change the unit no more; a rejection when a device keeps it too long. */
export function abortTask(request: TaskManagementRequest, connection: SessionConnection): Awaitable<number> {
  const { tasks } = connection.session;
  const task = tasks.findUnfinished(request.referencedTaskTag);
  if (task === undefined) return missingTask(request, connection);
  if (isElsewhere(task.connection, connection)) return functionRejected;
  const ended = task.aborted ? task.whenEnded() : tasks.abort(task);
  if (ended === undefined) return functionComplete;
  return endsInTime(connection.session.clock, ended).then((hasEnded) =>
    hasEnded ? functionComplete : functionRejected,
  );
}

/** Gives the response code: whether the task is there, be it only because a device does not let go of it. */
export function queryTask(request: TaskManagementRequest, connection: SessionConnection): number {
  const task = connection.session.tasks.findUnfinished(request.referencedTaskTag);
  if (task === undefined) return missingTask(request, connection);
  return isElsewhere(task.connection, connection) ? functionRejected : functionSucceeded;
}

/** As long as a connection is there, functions about its tasks come on it, and their answers stay behind those of the tasks. */
function isElsewhere(of: SessionConnection, connection: SessionConnection): boolean {
  return of !== connection && of.state === 'open';
}

/** A task that is not here may have been answered, or may still come: then it counts as received (RFC 7143 §11.6.1). */
function missingTask(request: TaskManagementRequest, connection: SessionConnection): number {
  const { referencedTaskTag, refCmdSN, cmdSN } = request;
  // An answer that was lost with its connection goes before this one (RFC 7143 §11.5.1).
  if (answerLost(connection, referencedTaskTag)) return functionComplete;
  const isSkipped = serialLess(refCmdSN, cmdSN) && connection.session.skipCommand(refCmdSN, referencedTaskTag);
  return isSkipped ? functionComplete : taskDoesNotExist;
}
