/** Parameter lists: how many bytes of them a command lets come. */

import { type Outcome, PARAMETER_LIST_LENGTH_ERROR } from './outcome.ts';
import type { Task } from './task.ts';

/** More than any list of any command here; the length fields of CDBs go up to 4 GiB. */
const MAXIMUM_LENGTH = 64 * 1024;

/** Asks for a list of `length` bytes, the length that the CDB says. */
export function takeParameterList(task: Task, length: number): Outcome | undefined {
  if (length > MAXIMUM_LENGTH) return PARAMETER_LIST_LENGTH_ERROR;
  task.dataOutLength = length;
  return undefined;
}
