/**
 * Ends one task at the target before it fails here: until then, data may still go to and from its buffers (RFC 7143 §7.11). Where the
 * target has never taken the command, this fills the gap that it has left in the numbers (§7.3, §11.6.1 b).
 */

import { TaskManagementResponse, TaskManagementResponseCode } from '../iscsi/pdu.ts';
import type { Exchanges } from './exchanges.ts';
import type { Outstanding } from './outstanding.ts';
import { abortTaskRequest } from './request.ts';
import type { Task } from './task.ts';

export interface TaskAbortOptions {
  readonly outstanding: Outstanding;
  readonly exchanges: Exchanges;
  /** The session must end: nobody knows what becomes of the task. */
  readonly giveUp: (reason: Error) => void;
  /** There is room for other commands. */
  readonly onEnded: () => void;
}

const { functionComplete, taskDoesNotExist } = TaskManagementResponseCode;

export class TaskAbort {
  readonly #options: TaskAbortOptions;

  constructor(options: TaskAbortOptions) {
    this.#options = options;
  }

  /** The task fails with `reason` when the target has let go of it. */
  async end(task: Task, reason: Error): Promise<void> {
    const { outstanding, giveUp, onEnded } = this.#options;
    if (task.isEnding) return;
    task.isEnding = true;
    // The time limit is now that of the function.
    task.deadline = Number.POSITIVE_INFINITY;
    const isEnded = await this.#isEnded(task);
    if (!isEnded) {
      giveUp(reason);
      return;
    }
    // Its answer may have come first.
    if (outstanding.find(task.initiatorTaskTag) !== task) return;
    outstanding.forget(task);
    task.fail(reason);
    onEnded();
  }

  async #isEnded(task: Task): Promise<boolean> {
    try {
      const fill = (header: Uint8Array): void => abortTaskRequest(header, task);
      const pdu = await this.#options.exchanges.ask({ title: 'an abort', fill });
      const { response } = TaskManagementResponse.view(pdu.header);
      return response === functionComplete || response === taskDoesNotExist;
    } catch {
      // Rejected; or the session has ended already.
      return false;
    }
  }
}
