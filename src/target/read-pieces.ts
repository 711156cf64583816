/** Reads that are longer than one piece: the next piece is fetched when the one before has been taken by the socket. */

import { READ_PIECE } from './commands/transfer.ts';
import type { LogicalUnit } from './logical-unit.ts';
import { GOOD, type Outcome } from './outcome.ts';
import type { Task } from './task.ts';

export interface PieceSink {
  /** Sends `task.dataIn`. */
  send(): void;
  /** Resolves when there is room for more; undefined when there is now. */
  room(): Promise<void> | undefined;
}

/** Sends all pieces but the last, which it leaves in `task.dataIn`. Never rejects. */
export async function readPieces(unit: LogicalUnit, task: Task, sink: PieceSink): Promise<Outcome> {
  while (task.dataInPending > 0 && !task.aborted) {
    sink.send();
    await sink.room();
    if (task.aborted) break;
    const length = Math.min(READ_PIECE, task.dataInPending);
    const outcome = await unit.readPiece(task, length);
    if (outcome !== GOOD) return outcome;
  }
  return GOOD;
}
