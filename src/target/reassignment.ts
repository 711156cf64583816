/** TASK REASSIGN: a task whose connection was lost goes on with another (RFC 7143 §7.2.2, §11.5). */

import { TaskManagementResponseCode } from '../iscsi/pdu.ts';
import { sendScsiResponse } from './data-in.ts';
import type { Answered } from './sent-pdus.ts';
import type { SessionConnection } from './session-connection.ts';
import { SNACK_REJECTED, sendUnacknowledged } from './snack.ts';
import type { Task } from './task.ts';

const { functionComplete, taskDoesNotExist, taskStillAllegiant, taskReassignmentNotSupported } =
  TaskManagementResponseCode;

/** Either the response code of a refusal, or what to do once "function complete" has been sent. */
export type Reassignment = { readonly response: number; readonly finish?: () => void };

/** `expDataSN`: the first Data-In or R2T that the initiator has not got. */
export function reassign(to: SessionConnection, initiatorTaskTag: number, expDataSN: number): Reassignment {
  const { session } = to;
  if (session.parameters.errorRecoveryLevel < 2) return { response: taskReassignmentNotSupported };
  const task = session.tasks.find(initiatorTaskTag);
  const from = task?.connection ?? session.connections.findLostWithAnswer(initiatorTaskTag);
  if (from === undefined) return { response: taskDoesNotExist };
  if (from.state !== 'lost' || !from.isCleanedUp) return { response: taskStillAllegiant };
  const finish = (): void => {
    // Behind a Response Fence some time may have passed: the task may have been answered by now, or its answer wait there too.
    const isAnswered = from.sent?.findAnswered(initiatorTaskTag) !== undefined;
    if (to.state !== 'open') return;
    if (isAnswered) answerAgain(from, to, initiatorTaskTag, expDataSN);
    else if (task?.connection === from && !task.aborted) resumeTask(task, to, expDataSN);
  };
  return { response: functionComplete, finish };
}

/**
 * Gives the status of a task again that was lost with its connection, for an ABORT TASK on another one (RFC 7143 §11.5.1). False
 * when there is none.
 */
export function answerLost(to: SessionConnection, initiatorTaskTag: number): boolean {
  const from = to.session.connections.findLostWithAnswer(initiatorTaskTag);
  const answered = from?.isCleanedUp === true ? from.sent?.findAnswered(initiatorTaskTag) : undefined;
  if (from === undefined || answered === undefined) return false;
  moveAnswer(from, to, answered);
  return true;
}

/** What was under way is sent or asked for again (RFC 7143 §7.2.2). */
function resumeTask(task: Task, to: SessionConnection, expDataSN: number): void {
  const { tasks, connections } = to.session;
  const from = task.connection;
  task.connection = to;
  task.snackTag = 0;
  const isWhole = from.sent === undefined || sendUnacknowledged(to, from.sent, task, expDataSN);
  from.sent?.forget(task.initiatorTaskTag);
  if (isWhole) tasks.restartTransfer(task, expDataSN);
  else tasks.fail(task, SNACK_REJECTED);
  from.drained();
  connections.settle();
}

/** The task was over when its connection was lost, and the answer may have been lost with it. */
function answerAgain(
  from: SessionConnection,
  to: SessionConnection,
  initiatorTaskTag: number,
  expDataSN: number,
): void {
  const answered = from.sent?.findAnswered(initiatorTaskTag);
  if (from.sent === undefined || answered === undefined) return;
  const { task } = answered;
  task.connection = to;
  task.snackTag = 0;
  const isWhole = sendUnacknowledged(to, from.sent, task, expDataSN);
  moveAnswer(from, to, isWhole ? answered : { task, outcome: SNACK_REJECTED, transferred: 0 });
}

function moveAnswer(from: SessionConnection, to: SessionConnection, answered: Answered): void {
  const { task, outcome, transferred } = answered;
  task.connection = to;
  from.sent?.forget(task.initiatorTaskTag);
  to.sent?.answered(answered);
  sendScsiResponse(to, task, outcome, transferred, task.unit?.senseFormat ?? 'fixed');
  to.session.connections.settle();
}
