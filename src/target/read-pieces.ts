/** Reads that are longer than one piece: the next piece is fetched when the one before has been taken by the socket. */

import { READ_PIECE } from './commands/transfer.ts';
import type { LogicalUnit } from './logical-unit.ts';
import { GOOD, type Outcome } from './outcome.ts';
import type { ReadRoom } from './read-room.ts';
import type { Task } from './task.ts';

export interface PieceSink {
  /** Sends `task.dataIn`. */
  send(): void;
  /** Resolves when there is room for more; undefined when there is now. */
  room(): Promise<void> | undefined;
}

/** Sends all pieces but the last, which it leaves in `task.dataIn`. Never rejects. */
export async function readPieces(unit: LogicalUnit, task: Task, memory: ReadRoom, sink: PieceSink): Promise<Outcome> {
  while (task.dataInPending > 0 && !task.aborted) {
    sink.send();
    const length = Math.min(READ_PIECE, task.dataInPending);
    await sink.room();
    while (!task.aborted && memory.mustWait(unit, length)) {
      await new Promise<void>((resolve) => memory.wait(unit, task, resolve));
      // What others have read meanwhile may have filled the socket.
      await sink.room();
    }
    if (task.aborted) break;
    memory.enter(unit, length);
    const outcome = await unit.readPiece(task, length);
    memory.leave(unit, length);
    if (outcome !== GOOD) return outcome;
  }
  return GOOD;
}
