/** Task management functions, as an initiator asks for them (RFC 7143 §4.2.3, §11.5; RFC 7144 §6). */

import { TaskManagementFunction, TaskManagementResponse, TaskManagementResponseCode } from '../iscsi/pdu.ts';
import type { Pdu } from '../iscsi/pdu-reader.ts';
import { sameLun } from '../scsi/lun.ts';
import type { Outstanding } from './outstanding.ts';
import { taskManagementRequest } from './request.ts';
import { taskEnded } from './session-error.ts';
import type { SolicitedData, Task } from './task.ts';

export interface ManagementRequest {
  /** A value of TaskManagementFunction, but for those of single tasks, which a session sees to by itself. */
  readonly function: number;
  /** Eight bytes; for the functions that are about one unit. */
  readonly lun?: Uint8Array;
}

export interface ManagementResult {
  /** A value of TaskManagementResponseCode. */
  readonly response: number;
  /** SAM-5's Additional Response Information: 24 bits. */
  readonly information: number;
}

/** What the functions need of their session. */
export interface ManagedSession {
  readonly outstanding: Outstanding;
  /** FastAbort was negotiated (RFC 7143 §13.23). */
  readonly isFastAbort: boolean;
  /** Names the target in messages. */
  readonly peer: string;
  ask(fill: (header: Uint8Array) => void): Promise<Pdu>;
  sendData(task: Task, data: SolicitedData): void;
}

const { abortTaskSet, clearTaskSet, logicalUnitReset, targetWarmReset, targetColdReset, itNexusReset } =
  TaskManagementFunction;
const ofUnit: ReadonlySet<number> = new Set([abortTaskSet, clearTaskSet, logicalUnitReset]);
const ofTarget: ReadonlySet<number> = new Set([targetWarmReset, targetColdReset, itNexusReset]);

/** The tasks that a function ends, when it is done; what the window has held back so far is not among them. */
function affectedTasks({ function: fn, lun }: ManagementRequest, outstanding: Outstanding): Task[] {
  if (ofTarget.has(fn)) return outstanding.allTasks();
  if (!ofUnit.has(fn) || lun === undefined) return [];
  return outstanding.allTasks().filter(({ request }) => sameLun(request.lun, lun));
}

/**
 * Asks for a function, and ends the tasks that it has ended. Meanwhile the target gets the data that it asks for, unless FastAbort
 * was negotiated: then it gets none (RFC 7143 §4.2.3.3 a, §4.2.3.4 a).
 */
export async function manageTasks(request: ManagementRequest, session: ManagedSession): Promise<ManagementResult> {
  const { outstanding } = session;
  const affected = affectedTasks(request, outstanding);
  if (session.isFastAbort) for (const task of affected) task.holdData();
  const pdu = await session.ask((header) => taskManagementRequest(header, request));
  const { response, additionalResponseInformation: information } = TaskManagementResponse.view(pdu.header);
  for (const task of affected) {
    if (outstanding.find(task.initiatorTaskTag) !== task) continue;
    if (response === TaskManagementResponseCode.functionComplete) {
      outstanding.forget(task);
      task.fail(taskEnded(session.peer));
    } else {
      for (const data of task.releaseData()) session.sendData(task, data);
    }
  }
  return { response, information };
}
