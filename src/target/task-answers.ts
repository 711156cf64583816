/** How the tasks of a session are answered: each on the connection that it is allegiant to by then (RFC 7143 §4.2.2.1). */

import { Status } from '../scsi/index.ts';
import { sendDataIn, sendScsiResponse } from './data-in.ts';
import type { SessionReference, TargetEventListener } from './event.ts';
import type { LogicalUnit } from './logical-unit.ts';
import type { Outcome } from './outcome.ts';
import { readPieces } from './read-pieces.ts';
import type { ReadRoom } from './read-room.ts';
import type { ResponseFence } from './response-fence.ts';
import type { Task } from './task.ts';

export interface TaskAnswersOptions {
  readonly reference: SessionReference;
  readonly fence: ResponseFence;
  /** Outcomes that ask for a Response Fence get it: without negotiation they need not (RFC 7143 §4.2.2.3.3). */
  readonly honoursFences: boolean;
  readonly onEvent: TargetEventListener;
}

export class TaskAnswers {
  readonly #options: TaskAnswersOptions;
  readonly #fence: ResponseFence;
  #hasRead = false;

  constructor(options: TaskAnswersOptions) {
    this.#options = options;
    this.#fence = options.fence;
  }

  /** Sends what the task has read and has not sent yet, and its status: now, or when Response Fences allow. */
  give(task: Task, outcome: Outcome): void {
    if (this.#fence.isUp || outcome.isFenced === true) this.#giveInTurn(task, outcome);
    else this.#give(task, outcome);
  }

  #giveInTurn(task: Task, outcome: Outcome): void {
    this.#fence.pass({
      isFenced: this.#options.honoursFences && outcome.isFenced === true,
      connection: () => task.connection,
      send: () => {
        if (task.connection.state !== 'ended') this.#give(task, outcome);
      },
    });
  }

  #give(task: Task, outcome: Outcome): void {
    if (task.deviceError !== undefined) this.#tellDeviceError(task, task.deviceError);
    const transferred = transferredBy(task, outcome.status === Status.good);
    task.connection.sent?.answered({ task, outcome, transferred });
    this.#send(task, outcome, transferred);
    if (task.connection.sent !== undefined) task.release();
  }

  #send(task: Task, outcome: Outcome, transferred: number): void {
    const { connection } = task;
    const isGood = outcome.status === Status.good;
    if (isGood && task.isRead && task.dataIn.length > 0 && task.expectedDataTransferLength > task.bufferOffset) {
      if (!this.#hasRead && task.length > 0) this.#tellFirstRead(task);
      // A status that must carry a SNACK Tag cannot go with the data (RFC 7143 §11.16.3).
      sendDataIn(connection, task, task.snackTag === 0);
      if (task.snackTag === 0) return;
    }
    sendScsiResponse(connection, task, outcome, transferred, task.unit?.senseFormat ?? 'fixed');
  }

  /** Sends a read that is longer than one piece, all but its last piece, never fetching ahead of the socket. Never rejects. */
  sendPieces(unit: LogicalUnit, task: Task, memory: ReadRoom): Promise<Outcome> {
    return readPieces(unit, task, memory, {
      send: () => sendDataIn(task.connection, task, false),
      room: () => this.room(task),
    });
  }

  /** Resolves when the connection of a task, whichever it is by then, can take more, or the task is aborted. */
  room(task: Task): Promise<void> | undefined {
    const wait = task.aborted ? undefined : task.connection.whenWritable();
    return wait?.then(() => this.room(task));
  }

  #tellFirstRead(task: Task): void {
    this.#hasRead = true;
    const lun = task.unit?.number ?? 0;
    this.#options.onEvent({ kind: 'first read', session: this.#options.reference, lun });
  }

  #tellDeviceError(task: Task, error: Error): void {
    const lun = task.unit?.number ?? 0;
    this.#options.onEvent({ kind: 'device failed', session: this.#options.reference, lun, error });
  }
}

/**
 * SPDTL: bytes that the command has moved, or would have with more room (RFC 7143 §11.4.5.2). One that failed in the middle has sent
 * what it had by then; one that says nothing of a direction gets nothing, however much it allows for.
 */
function transferredBy(task: Task, isGood: boolean): number {
  if (!isGood) return task.bufferOffset;
  if (task.isWrite) return task.dataOutLength;
  return task.isRead || task.dataInLength > task.expectedDataTransferLength ? task.dataInLength : 0;
}
