/** The tasks of a session, each from its command to its end: taken in, given its turn and its data, run, answered, forgotten. */

import type { Parameters } from '../iscsi/parameters.ts';
import { RejectReason, ScsiCommand, TaskAttribute } from '../iscsi/pdu.ts';
import type { Pdu } from '../iscsi/pdu-reader.ts';
import { AdditionalSense, decodeLun, SenseKey, Status } from '../scsi/index.ts';
import { executeAtAbsentUnit } from './absent-unit.ts';
import type { CommandWindow } from './command-window.ts';
import { READ_PIECE } from './commands/transfer.ts';
import { DataOutTransfer } from './data-out.ts';
import type { LogicalUnit } from './logical-unit.ts';
import { checkCondition, type Outcome } from './outcome.ts';
import { ReadRoom } from './read-room.ts';
import { additionalHeadersOf, bidirectionalRefusal } from './scsi-command.ts';
import type { SessionConnection } from './session-connection.ts';
import type { Target } from './target.ts';
import { Task, type TaskOwner } from './task.ts';
import type { TaskAnswers } from './task-answers.ts';
import { TaskTable } from './task-table.ts';
import { WriteTransfers } from './write-transfers.ts';

/**
 * Immediate commands of a connection at a time, beside those of the window, which does not hold them back. More are rejected
 * (RFC 7143 §4.2.2.1), or an initiator that only announces WRITEs would fill the memory.
 */
const IMMEDIATE_LIMIT = 32;

/** Bytes of READs that may be waiting for a device before no more of them are begun. */
const READ_ROOM = 16 << 20;

/** "Some commands cleared by iSCSI protocol event" (RFC 7143 §11.14.5). */
const COMMANDS_CLEARED_BY_PROTOCOL_EVENT = 0x477f;

const INVALID_MESSAGE = checkCondition(SenseKey.illegalRequest, AdditionalSense.invalidMessageError);

/** Ends the transfer of a task that was aborted; nobody is told. */
const COMMANDS_CLEARED = checkCondition(SenseKey.abortedCommand, COMMANDS_CLEARED_BY_PROTOCOL_EVENT);

const { fields } = ScsiCommand;

export interface SessionTasksOptions {
  /** The session: what the units know its tasks by. */
  readonly owner: TaskOwner;
  readonly target: Target;
  readonly parameters: Parameters;
  readonly window: CommandWindow<unknown>;
  readonly answers: TaskAnswers;
  readonly newTag: () => number;
  /** Discards a command: it counts as never received. */
  readonly refuse: (pdu: Pdu, connection: SessionConnection, reason: number) => void;
}

export class SessionTasks {
  readonly #options: SessionTasksOptions;
  readonly #window: CommandWindow<unknown>;
  readonly #byTag = new TaskTable();
  readonly #transfers: WriteTransfers;
  readonly #reads = new ReadRoom(READ_ROOM);
  /** That of the last command. */
  #unit: LogicalUnit | undefined;

  constructor(options: SessionTasksOptions) {
    this.#options = options;
    this.#window = options.window;
    this.#transfers = new WriteTransfers({
      window: options.window,
      newTag: options.newTag,
      onEnded: (task) => this.#execute(task),
    });
  }

  /** One that has not been aborted. */
  find(initiatorTaskTag: number): Task | undefined {
    const task = this.findUnfinished(initiatorTaskTag);
    return task?.aborted === true ? undefined : task;
  }

  /** Also one that has been aborted, and is not over. */
  findUnfinished(initiatorTaskTag: number): Task | undefined {
    return this.#byTag.get(initiatorTaskTag);
  }

  of(connection: SessionConnection): Task[] {
    return this.#byTag.values().filter((task) => task.connection === connection);
  }

  /** All that are under way at a unit. */
  at(unit: LogicalUnit): Task[] {
    return this.#byTag.values().filter((task) => task.unit === unit);
  }

  /** A SCSI Command in its turn. */
  command(pdu: Pdu, connection: SessionConnection): void {
    const { header } = pdu;
    const { owner, parameters, refuse } = this.#options;
    if (this.#byTag.get(fields.initiatorTaskTag.read(header, 0)) !== undefined) {
      refuse(pdu, connection, RejectReason.taskInProgress);
      return;
    }
    if (fields.immediate.read(header, 0) && connection.immediateTasks >= IMMEDIATE_LIMIT) {
      refuse(pdu, connection, RejectReason.immediateCommandReject);
      return;
    }
    const additional = additionalHeadersOf(pdu);
    if (additional.unknownCode !== undefined) {
      refuse(pdu, connection, RejectReason.invalidPduField);
      return;
    }
    const lun = decodeLun(header, fields.lun.offset);
    const unit = lun === undefined ? undefined : this.#unitAt(lun);
    const task = new Task(owner, connection, header, additional, unit);
    this.#byTag.add(task);
    if (task.isImmediate) connection.immediateTasks += 1;
    const failure = this.#prepare(task) ?? bidirectionalRefusal(task);
    const final = fields.final.read(header, 0);
    if (task.isWrite || pdu.dataLength > 0 || !final) {
      const wanted = failure === undefined ? task.dataOutLength : 0;
      task.transfer = new DataOutTransfer(
        parameters,
        task.expectedDataTransferLength,
        wanted,
        pdu.data,
        pdu.dataLength,
        final,
      );
      if (failure !== undefined) task.transfer.refuse(failure);
    }
    if (failure !== undefined) {
      if (task.transfer?.expectsData !== true) this.#finish(task, failure);
      return;
    }
    if (task.unit === undefined || task.unit.taskSet.add(task)) this.start(task);
  }

  /** As a rule that of the command before, which is remembered. */
  #unitAt(lun: number): LogicalUnit | undefined {
    if (lun !== this.#unit?.number) this.#unit = this.#options.target.units.get(lun);
    return this.#unit;
  }

  /** Why a task fails at once; undefined when it may go on. */
  #prepare(task: Task): Outcome | undefined {
    // There is no auto contingent allegiance here, which such a task would be for.
    if (task.attribute === TaskAttribute.aca) return INVALID_MESSAGE;
    const { luns } = this.#options.target;
    return task.unit === undefined ? executeAtAbsentUnit(task, luns) : task.unit.prepare(task);
  }

  /** A SCSI Data-Out. False when there is no such task. */
  dataOut(pdu: Pdu, connection: SessionConnection): boolean {
    const task = this.#byTag.get(fields.initiatorTaskTag.read(pdu.header, 0));
    if (task === undefined) return false;
    // Data for a task that has been aborted may still be on its way: it is taken and forgotten (RFC 7143 §4.2.3.4).
    this.#transfers.receive(pdu, task, connection);
    return true;
  }

  /** The turn of a task has come. */
  start(task: Task): void {
    const { transfer } = task;
    if (transfer === undefined) {
      this.#execute(task);
      return;
    }
    task.state = 'transferring';
    this.#transfers.advance(task, transfer);
  }

  #execute(task: Task): void {
    const { transfer, unit } = task;
    if (transfer !== undefined) {
      if (transfer.failure !== undefined) {
        this.#finish(task, transfer.failure);
        return;
      }
      task.dataOut = transfer.data;
      task.dataOutReceived = transfer.length;
    }
    if (unit === undefined) return;
    if (this.#reads.isFull && task.isRead) this.#admit(task, unit);
    else this.#run(task, unit);
  }

  /** Runs a READ when there is room for what it reads. */
  #admit(task: Task, unit: LogicalUnit): void {
    if (!this.#reads.mustWait(unit, task.length)) {
      this.#run(task, unit);
      return;
    }
    task.state = 'waiting';
    this.#reads.wait(unit, task, () => {
      // What was read meanwhile may have filled the socket.
      const wait = this.#options.answers.room(task);
      if (wait === undefined) this.#run(task, unit);
      else void wait.then(() => this.#admit(task, unit));
    });
  }

  #run(task: Task, unit: LogicalUnit): void {
    if (task.aborted) return;
    task.state = 'running';
    const outcome = unit.execute(task);
    if (!(outcome instanceof Promise)) {
      this.#finish(task, outcome);
      return;
    }
    const reading = task.isRead ? Math.min(task.length, READ_PIECE) : 0;
    if (reading > 0) this.#reads.enter(unit, reading);
    void outcome.then((later) => {
      this.#finish(task, later);
      if (reading > 0) this.#reads.leave(unit, reading);
    });
  }

  /** Answers a task. */
  #finish(task: Task, outcome: Outcome): void {
    if (!task.aborted) {
      if (task.dataInPending > 0 && outcome.status === Status.good && task.isRead) {
        void this.#finishLongRead(task);
        return;
      }
      this.#answer(task, outcome);
    }
    this.#forget(task);
  }

  async #finishLongRead(task: Task): Promise<void> {
    const { unit } = task;
    if (unit === undefined) return;
    const outcome = await this.#options.answers.sendPieces(unit, task, this.#reads);
    if (!task.aborted) this.#answer(task, outcome);
    this.#forget(task);
  }

  #answer(task: Task, outcome: Outcome): void {
    // The task's place in the window is free before its answer says how large the window is.
    this.#leaveWindow(task);
    this.#options.answers.give(task, outcome);
  }

  /** A task is over: what waited for it goes on. */
  #forget(task: Task): void {
    if (task.state === 'ended') return;
    task.end();
    this.#leaveWindow(task);
    this.#byTag.delete(task);
    if (task.isImmediate) task.connection.immediateTasks -= 1;
    this.#transfers.leave(task);
    this.#reads.forget(task);
    if (task.unit === undefined) return;
    for (const released of task.unit.taskSet.end(task)) released.nexus.start(released);
  }

  #leaveWindow(task: Task): void {
    if (task.inWindow) this.#window.release();
    task.inWindow = false;
  }

  /** Ends a task unanswered. A promise when the device is still at work on it and may change the unit until then. */
  abort(task: Task): Promise<void> | undefined {
    task.aborted = true;
    task.connection.sent?.forget(task.initiatorTaskTag);
    task.connection.drained();
    if (task.state === 'running' && !task.outlivesAbort && task.entry?.changesUnit !== false) return task.whenEnded();
    this.#forget(task);
    return undefined;
  }

  /** Likewise, but what its R2Ts have asked for comes first, and is thrown away (RFC 7143 §4.2.3.3). */
  abortAfterData(task: Task): Promise<void> | undefined {
    if (task.transfer?.awaitsSolicited !== true) return this.abort(task);
    task.aborted = true;
    task.connection.sent?.forget(task.initiatorTaskTag);
    task.transfer.refuse(COMMANDS_CLEARED);
    return task.whenEnded();
  }

  /** Ends a task that cannot go on. */
  fail(task: Task, outcome: Outcome): void {
    task.dataInPending = 0;
    if (task.state !== 'running') {
      this.#finish(task, outcome);
      return;
    }
    if (task.aborted) return;
    void this.abort(task);
    this.#answer(task, outcome);
  }

  /** Asks again, on the task's new connection, for the data that was under way: now, or when its turn has come. */
  restartTransfer(task: Task, expR2TSN: number): void {
    const { transfer } = task;
    if (transfer === undefined || task.state === 'running' || task.state === 'ended') return;
    this.#transfers.restart(task, transfer, expR2TSN);
  }

  /** Ends all tasks unanswered. Resolves when none can change the medium any more. */
  async abortAll(): Promise<void> {
    await Promise.all(this.#byTag.values().map((task) => this.abort(task)));
  }

  /** Ends the tasks of one connection unanswered. A promise when a device is still at work on one of them. */
  abortOf(connection: SessionConnection): Promise<void> | undefined {
    connection.drained();
    const atUnits = Map.groupBy(this.of(connection), ({ unit }) => unit);
    const running = [...atUnits].flatMap(([unit, tasks]) => this.#clear(tasks, unit) ?? []);
    return running.length === 0 ? undefined : Promise.all(running).then(() => undefined);
  }

  /**
   * Ends tasks of a unit, which tells the initiator of it when the session goes on (RFC 7143 §11.14.5): not before the last of them
   * is over, or what the initiator then sends anew could be overtaken.
   */
  #clear(tasks: readonly Task[], unit: LogicalUnit | undefined): Promise<void> | undefined {
    const running = tasks.flatMap((task) => this.abort(task) ?? []);
    const tell = (): void => unit?.tell(this.#options.owner, COMMANDS_CLEARED_BY_PROTOCOL_EVENT);
    if (running.length > 0) return Promise.all(running).then(tell);
    tell();
    return undefined;
  }

  /** Resolves when every task that the device is at work on has been answered. */
  async idle(): Promise<void> {
    const running = this.#byTag.values().filter((task) => task.state === 'running');
    await Promise.all(running.map((task) => task.whenEnded()));
  }
}
