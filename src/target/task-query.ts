/** Task management functions that only ask (RFC 7144 §6.3, §6.4.2; SAM-5). */

import { TaskManagementResponseCode } from '../iscsi/pdu.ts';
import type { LogicalUnit } from './logical-unit.ts';
import type { Session } from './session.ts';

export interface QueryAnswer {
  readonly response: number;
  /** SAM-5's Additional Response Information. */
  readonly information?: number;
}

const YES: QueryAnswer = { response: TaskManagementResponseCode.functionSucceeded };
const NO: QueryAnswer = { response: TaskManagementResponseCode.functionComplete };

/** QUERY TASK SET: whether the session has a command at the unit. */
export function queryTaskSet(unit: LogicalUnit, session: Session): QueryAnswer {
  return unit.taskSet.tasks().some((task) => task.nexus === session && !task.aborted) ? YES : NO;
}

/** QUERY ASYNCHRONOUS EVENT: the unit attention that the session would be told next, and whether there are more. */
export function queryAsynchronousEvent(unit: LogicalUnit, session: Session): QueryAnswer {
  const [next, ...others] = unit.unitAttentions.pending(session);
  if (next === undefined) return NO;
  // UADE DEPTH, SENSE KEY, ADDITIONAL SENSE CODE and its qualifier.
  const depth = others.length === 0 ? ONE_CONDITION : SEVERAL_CONDITIONS;
  return { ...YES, information: (((depth << 4) | next.key) << 16) | next.code };
}

const ONE_CONDITION = 1;
const SEVERAL_CONDITIONS = 2;
