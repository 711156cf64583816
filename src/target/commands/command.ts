/** What a command family gives for each of its commands. */

import type { Awaitable } from '../../block/device.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { GOOD, type Outcome } from '../outcome.ts';
import type { Task } from '../task.ts';

export interface Command {
  /**
   * Decodes the CDB into the task (range, bytes wanted from the initiator) and gives the failure if there is one, before any data is
   * asked for.
   */
  prepare?(unit: LogicalUnit, task: Task): Outcome | undefined;
  /** Does it, with all data there. A failing device may raise or reject: the logical unit makes the sense of it. */
  execute(unit: LogicalUnit, task: Task): Awaitable<Outcome>;
}

/** Parameter data with what the CDB allows of it, or how the command fails. */
export type ParameterAnswer = { readonly data: Uint8Array; readonly allocationLength: number } | Outcome;

/** Puts an answer into the task. */
export function answerWith(task: Task, answer: ParameterAnswer): Outcome {
  if ('status' in answer) return answer;
  task.respond(answer.data, answer.allocationLength);
  return GOOD;
}
