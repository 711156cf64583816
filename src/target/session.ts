/**
 * A normal session: one initiator port at one target (RFC 7143 §4.3). It puts the commands of all its connections in order, makes
 * tasks of them, sees to their data, and answers each on the connection that it is allegiant to.
 *
 * It ends with its last connection, unless ErrorRecoveryLevel is 2: then tasks outlive their connection for the time that was
 * negotiated, and the session with them.
 */

import { ProtocolError } from '../bytes/index.ts';
import { Opcode, RESERVED_TAG } from '../iscsi/opcode.ts';
import type { Parameters } from '../iscsi/parameters.ts';
import { AsyncEvent, BasicHeader, DataOut, ReadyToTransfer, RejectReason, ScsiCommand } from '../iscsi/pdu.ts';
import type { Pdu } from '../iscsi/pdu-reader.ts';
import type { Clock } from '../os/clock.ts';
import { decodeLun, Status } from '../scsi/index.ts';
import { executeAtAbsentUnit } from './absent-unit.ts';
import { CommandWindow } from './command-window.ts';
import { READ_PIECE } from './commands/transfer.ts';
import { sendDataIn, sendScsiResponse } from './data-in.ts';
import { DataOutTransfer } from './data-out.ts';
import type { SessionEnd, SessionReference, TargetEventListener } from './event.ts';
import type { Outcome } from './outcome.ts';
import { readPieces } from './read-pieces.ts';
import { SessionConnection, type SessionConnectionOptions } from './session-connection.ts';
import { SNACK_REJECTED, sendUnacknowledged } from './snack.ts';
import type { Target } from './target.ts';
import { Task, type TaskOwner } from './task.ts';
import { TransferRoom } from './transfer-room.ts';

/** Commands that an initiator may have under way: what Linux asks for at most. */
export const COMMAND_WINDOW = 128;

/**
 * Immediate commands at a time, beside those of the window, which does not hold them back. More are rejected (RFC 7143 §4.2.2.1),
 * or an initiator that only announces WRITEs would fill the memory.
 */
const IMMEDIATE_LIMIT = 32;

/** Bytes of reads that may be waiting for a device before no more commands are taken. */
const READ_ROOM = 16 << 20;

/** Bytes of solicited Data-Out that may be on their way or in memory at a time. */
const WRITE_ROOM = 16 << 20;

export interface SessionOptions {
  readonly reference: SessionReference & { readonly targetName: string };
  readonly target: Target;
  readonly parameters: Parameters;
  readonly expCmdSN: number;
  readonly clock: Clock;
  readonly onEvent: TargetEventListener;
  readonly onEnded: (session: Session) => void;
}

/** "Some commands cleared by iSCSI protocol event" (RFC 7143 §11.14.5). */
const COMMANDS_CLEARED_BY_PROTOCOL_EVENT = 0x477f;

interface EarlyCommand {
  readonly pdu: Pdu;
  readonly connection: SessionConnection;
}

export class Session implements TaskOwner {
  readonly initiatorName: string;
  readonly isid: string;
  readonly tsih: number;
  readonly target: Target;
  /** Those of the leading login. */
  readonly parameters: Parameters;
  /** What is due is never kept in it, so that nothing need be made for it. */
  readonly window: CommandWindow<EarlyCommand | undefined>;
  readonly #options: SessionOptions;
  /** By CID. */
  readonly #connections = new Map<number, SessionConnection>();
  /** Connections without a socket, whose tasks wait for reassignment. */
  readonly #lost = new Set<SessionConnection>();
  readonly #tasks = new Map<number, Task>();
  readonly #writeRoom = new TransferRoom(WRITE_ROOM, (task) => this.#solicit(task));
  #immediateTasks = 0;
  #readsWaiting = 0;
  #lastTag = 0;
  #hasRead = false;
  #closing = false;
  /** Connections that are about to take the place of another. */
  #joining = 0;

  constructor(options: SessionOptions) {
    const { reference, target, parameters } = options;
    this.#options = options;
    this.initiatorName = reference.initiatorName;
    this.isid = reference.isid;
    this.tsih = reference.tsih;
    this.target = target;
    this.parameters = parameters;
    this.window = new CommandWindow(options.expCmdSN, COMMAND_WINDOW);
    for (const unit of target.units.values()) unit.joined(this);
    target.sessions.add(this);
  }

  get reference(): SessionReference {
    return this.#options.reference;
  }

  get ready(): boolean {
    return this.#readsWaiting < READ_ROOM;
  }

  get closing(): boolean {
    return this.#closing;
  }

  /** One that has not been aborted. */
  findTask(initiatorTaskTag: number): Task | undefined {
    const task = this.#tasks.get(initiatorTaskTag);
    return task?.aborted === true ? undefined : task;
  }

  /** All connections that have a socket. */
  get connections(): readonly SessionConnection[] {
    return [...this.#connections.values()];
  }

  /** Whether a connection of this CID can still be added: it takes the place of one with the same CID, or is one more. */
  hasRoomFor(cid: number): boolean {
    return this.#connections.has(cid) || this.#connections.size < this.parameters.maxConnections;
  }

  /** A login has brought a connection. One with the same CID is implicitly logged out (RFC 7143 §6.3.4). */
  async join(options: SessionConnectionOptions): Promise<SessionConnection> {
    const old = this.findConnection(options.cid);
    if (old !== undefined && this.parameters.errorRecoveryLevel === 2) {
      this.removeForRecovery(old);
    } else if (old !== undefined) {
      this.#joining += 1;
      await this.closeConnection(old);
      this.#joining -= 1;
    }
    const connection = new SessionConnection(this, options);
    this.#connections.set(options.cid, connection);
    return connection;
  }

  /** By CID: one with a socket, or one that was lost and not logged out. */
  findConnection(cid: number): SessionConnection | undefined {
    return this.#connections.get(cid) ?? [...this.#lost].find((lost) => lost.cid === cid && !lost.isCleanedUp);
  }

  receive(pdu: Pdu, connection: SessionConnection): void {
    const opcode = (pdu.header[0] ?? 0) & 0x3f;
    if (opcode === Opcode.dataOut) {
      this.#dataOut(pdu, connection);
      return;
    }
    if (!pdu.dataDigestOk) {
      connection.responses.reject(RejectReason.dataDigestError, pdu.header);
      // From ErrorRecoveryLevel 1 on the initiator sends it again (RFC 7143 §7.8). Without, it would leave a hole in the order.
      if (this.parameters.errorRecoveryLevel > 0) return;
      throw new ProtocolError('ISCSI_DATA_DIGEST', 'the data digest of a PDU does not match its data');
    }
    const header = BasicHeader.view(pdu.header);
    if (header.immediate || opcode === Opcode.snackRequest) {
      this.#deliver(opcode, pdu, connection);
      return;
    }
    const { cmdSN } = ScsiCommand.view(pdu.header);
    const kept = cmdSN === this.window.expCmdSN ? undefined : { pdu, connection };
    if (this.window.arrive(cmdSN, kept) !== 'due') return;
    this.#deliver(opcode, pdu, connection);
    for (let next = this.window.nextEarly(); next !== undefined; next = this.window.nextEarly()) {
      this.#deliver((next.pdu.header[0] ?? 0) & 0x3f, next.pdu, next.connection);
    }
  }

  /** A command in its turn. */
  #deliver(opcode: number, pdu: Pdu, connection: SessionConnection): void {
    if (opcode === Opcode.scsiCommand) this.#scsiCommand(pdu, connection);
    else connection.request(opcode, pdu);
  }

  #scsiCommand(pdu: Pdu, connection: SessionConnection): void {
    const header = ScsiCommand.view(pdu.header);
    if (this.#tasks.has(header.initiatorTaskTag)) {
      if (!header.immediate) this.window.release();
      connection.responses.reject(RejectReason.taskInProgress, pdu.header);
      return;
    }
    if (header.immediate && this.#immediateTasks >= IMMEDIATE_LIMIT) {
      connection.responses.reject(RejectReason.immediateCommandReject, pdu.header);
      return;
    }
    const lun = decodeLun(header.lun);
    const task = new Task(this, connection, header, lun === undefined ? undefined : this.target.units.get(lun));
    this.#tasks.set(task.initiatorTaskTag, task);
    if (task.isImmediate) this.#immediateTasks += 1;
    const failure = task.unit === undefined ? executeAtAbsentUnit(task, this.target.luns) : task.unit.prepare(task);
    if (task.isWrite || pdu.dataLength > 0 || !header.final) {
      const wanted = failure === undefined ? task.dataOutLength : 0;
      task.transfer = new DataOutTransfer(
        this.parameters,
        task.expectedDataTransferLength,
        wanted,
        pdu.data,
        pdu.dataLength,
        header.final,
      );
      if (failure !== undefined) task.transfer.refuse(failure);
    }
    if (failure !== undefined) {
      if (task.transfer?.expectsData !== true) this.#finish(task, failure);
      return;
    }
    if (task.unit === undefined || task.unit.taskSet.add(task)) this.start(task);
  }

  start(task: Task): void {
    const { transfer } = task;
    if (transfer === undefined) {
      this.#execute(task);
      return;
    }
    task.state = 'transferring';
    this.#advanceTransfer(task, transfer);
  }

  /** Sends the R2Ts that are due. */
  #solicit(task: Task): void {
    const { transfer } = task;
    if (transfer === undefined || task.aborted) return;
    for (;;) {
      const solicitation = transfer.solicit(() => this.newTag());
      if (solicitation === undefined) return;
      const { sender } = task.connection;
      const header = sender.newHeader();
      ReadyToTransfer.write(header, 0, {
        opcode: Opcode.readyToTransfer,
        final: true,
        lun: task.lun,
        initiatorTaskTag: task.initiatorTaskTag,
        statSN: sender.statSN,
        expCmdSN: this.window.expCmdSN,
        maxCmdSN: this.window.maxCmdSN,
        ...solicitation,
      });
      sender.send(header);
    }
  }

  /** A Target Transfer Tag that nothing of this session uses. */
  newTag(): number {
    this.#lastTag = (this.#lastTag + 1) % RESERVED_TAG;
    return this.#lastTag;
  }

  #dataOut(pdu: Pdu, connection: SessionConnection): void {
    const header = DataOut.view(pdu.header);
    const task = this.#tasks.get(header.initiatorTaskTag);
    // Data for a task that has been aborted may still be on its way: it is taken and forgotten (RFC 7143 §4.2.3.3).
    if (task === undefined || task.aborted) return;
    const { transfer } = task;
    const { responses } = connection;
    // Data follows its command on the same connection (RFC 7143 §4.2.2.1).
    if (task.connection !== connection) {
      responses.reject(RejectReason.protocolError, pdu.header);
      return;
    }
    if (transfer?.receive(header, pdu.data, pdu.dataLength, pdu.dataDigestOk) !== true) {
      responses.reject(RejectReason.invalidPduField, pdu.header);
      return;
    }
    if (!pdu.dataDigestOk) responses.reject(RejectReason.dataDigestError, pdu.header);
    if (transfer.failure !== undefined) {
      if (!transfer.expectsData) this.#finish(task, transfer.failure);
    } else if (header.final && task.state === 'transferring') {
      this.#advanceTransfer(task, transfer);
    }
  }

  /** Goes on when a sequence has ended: runs the task, or asks for more data. */
  #advanceTransfer(task: Task, transfer: DataOutTransfer): void {
    if (transfer.isComplete) this.#execute(task);
    else if (this.#writeRoom.holds(task)) this.#solicit(task);
    else if (!transfer.expectsData) this.#writeRoom.enter(task, transfer.unrequested);
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
    task.state = 'running';
    const outcome = unit.execute(task);
    if (!(outcome instanceof Promise)) {
      this.#finish(task, outcome);
      return;
    }
    const reading = task.isRead ? Math.min(task.length, READ_PIECE) : 0;
    this.#readsWaiting += reading;
    void outcome.then((later) => {
      this.#readsWaiting -= reading;
      this.#finish(task, later);
      if (this.ready) this.#resumeConnections();
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

  #answer(task: Task, outcome: Outcome): void {
    // The task's place in the window is free before its answer says how large the window is.
    this.#leaveWindow(task);
    if (task.deviceError !== undefined) this.#tellDeviceError(task, task.deviceError);
    const { connection } = task;
    const isGood = outcome.status === Status.good;
    const transferred = isGood ? (task.isWrite ? task.dataOutLength : task.dataInLength) : 0;
    connection.sent?.answered({ task, outcome, transferred });
    if (isGood && task.isRead && task.dataIn.length > 0 && task.expectedDataTransferLength > task.bufferOffset) {
      if (!this.#hasRead && task.length > 0) this.#tellFirstRead(task);
      // A status that must carry a SNACK Tag cannot go with the data (RFC 7143 §11.16.3).
      sendDataIn(connection, task, task.snackTag === 0);
      if (task.snackTag === 0) return;
    }
    sendScsiResponse(connection, task, outcome, transferred, task.unit?.senseFormat ?? 'fixed');
  }

  /** Sends a read that is longer than one piece, never fetching ahead of the socket. */
  async #finishLongRead(task: Task): Promise<void> {
    const { unit } = task;
    if (unit === undefined) return;
    const outcome = await readPieces(unit, task, {
      send: () => sendDataIn(task.connection, task, false),
      room: () => this.#room(task),
    });
    if (!task.aborted) this.#answer(task, outcome);
    this.#forget(task);
  }

  /** Resolves when the connection of a task, whichever it is by then, can take more. */
  #room(task: Task): Promise<void> | undefined {
    const wait = task.aborted ? undefined : task.connection.whenWritable();
    return wait?.then(() => this.#room(task));
  }

  #resumeConnections(): void {
    for (const { control } of this.#connections.values()) control.resume();
  }

  /** A task is over: what waited for it goes on. */
  #forget(task: Task): void {
    if (task.state === 'ended') return;
    task.end();
    this.#leaveWindow(task);
    this.#tasks.delete(task.initiatorTaskTag);
    if (task.isImmediate) this.#immediateTasks -= 1;
    this.#writeRoom.leave(task);
    if (task.unit === undefined) return;
    for (const released of task.unit.taskSet.end(task)) released.nexus.start(released);
  }

  #leaveWindow(task: Task): void {
    if (task.inWindow) this.window.release();
    task.inWindow = false;
  }

  abort(task: Task): Promise<void> | undefined {
    task.aborted = true;
    task.connection.sent?.forget(task.initiatorTaskTag);
    task.connection.drained();
    if (task.state === 'running' && !task.outlivesAbort) return task.whenEnded();
    this.#forget(task);
    return undefined;
  }

  #tellFirstRead(task: Task): void {
    this.#hasRead = true;
    const lun = task.unit?.number ?? 0;
    this.#options.onEvent({ kind: 'first read', session: this.reference, lun });
  }

  #tellDeviceError(task: Task, error: Error): void {
    const lun = task.unit?.number ?? 0;
    this.#options.onEvent({ kind: 'device failed', session: this.reference, lun, error });
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

  /** Has kept the answer of a task that the initiator may not have got. */
  lostConnectionOf(initiatorTaskTag: number): SessionConnection | undefined {
    return [...this.#lost].find((lost) => lost.sent?.findAnswered(initiatorTaskTag) !== undefined);
  }

  /** A task goes on with another connection (RFC 7143 §7.2.2): what was under way is sent or asked for again. */
  resumeTask(task: Task, to: SessionConnection, expDataSN: number): void {
    const from = task.connection;
    task.connection = to;
    task.snackTag = 0;
    const isWhole = from.sent === undefined || sendUnacknowledged(to, from.sent, task, expDataSN);
    from.sent?.forget(task.initiatorTaskTag);
    if (!isWhole) this.fail(task, SNACK_REJECTED);
    else if (task.transfer !== undefined && (task.state === 'transferring' || task.transfer.failure !== undefined)) {
      task.transfer.restart(expDataSN);
      this.#advanceTransfer(task, task.transfer);
    }
    from.drained();
    this.settle();
  }

  /**
   * A connection has lost its socket, or gives it up. With ErrorRecoveryLevel 2 its tasks wait for another one; otherwise they end
   * here, unanswered (RFC 7143 §7.6, §7.14).
   */
  async connectionEnded(connection: SessionConnection, reason: SessionEnd, error?: Error): Promise<void> {
    if (connection.state !== 'open') return;
    if (this.#connections.get(connection.cid) === connection) this.#connections.delete(connection.cid);
    const isFailure = reason === 'connection lost' || reason === 'unresponsive' || isDamage(error);
    const isKept = isFailure && this.#canRecover;
    if (isKept) {
      this.#lose(connection);
    } else {
      connection.state = 'ended';
      const ended = this.#endTasks(connection);
      // Only the failure of a path, or its planned end, leaves the others alone (RFC 7143 §7.7).
      if (!isFailure && reason !== 'logout' && reason !== 'reinstated') await this.end(reason, error);
      else if (this.#isDeserted) await this.end(reason, error);
      await ended;
    }
    if (!isFailure) return;
    const { defaultTime2Wait, defaultTime2Retain } = this.parameters;
    const retain = isKept ? defaultTime2Retain : 0;
    // RFC 7143 §7.1.4.3: the other connections learn of it.
    for (const { responses } of this.#connections.values()) {
      responses.asyncMessage(AsyncEvent.connectionDropped, connection.cid, defaultTime2Wait, retain);
    }
  }

  get #canRecover(): boolean {
    const { errorRecoveryLevel, defaultTime2Retain } = this.parameters;
    return errorRecoveryLevel === 2 && defaultTime2Retain > 0 && !this.#closing;
  }

  /** Nothing is left to wait for. */
  get #isDeserted(): boolean {
    return this.#connections.size === 0 && this.#lost.size === 0 && this.#joining === 0;
  }

  /** Keeps the tasks of a connection for Time2Wait and Time2Retain (RFC 7143 §7.5). */
  #lose(connection: SessionConnection): void {
    connection.state = 'lost';
    this.#lost.add(connection);
    for (const task of this.#tasksOf(connection)) if (task.isImmediate) void this.abort(task);
    const { defaultTime2Wait, defaultTime2Retain } = this.parameters;
    connection.retainTimer = this.#options.clock.after((defaultTime2Wait + defaultTime2Retain) * 1000, () => {
      void this.#giveUp(connection);
    });
  }

  /** The time for recovery is over, or nothing of the connection is left. */
  async #giveUp(connection: SessionConnection): Promise<void> {
    if (!this.#lost.delete(connection)) return;
    connection.retainTimer?.cancel();
    connection.state = 'ended';
    const ended = this.#endTasks(connection);
    if (this.#isDeserted) await this.end('connection lost');
    await ended;
  }

  /** Ends lost connections that were logged out and have no task left, while there are others. */
  settle(): void {
    if (this.#connections.size === 0) return;
    for (const lost of this.#lost) {
      if (lost.isCleanedUp && this.#tasksOf(lost).length === 0 && lost.sent?.hasAnswers !== true)
        void this.#giveUp(lost);
    }
  }

  #tasksOf(connection: SessionConnection): Task[] {
    return [...this.#tasks.values()].filter((task) => task.connection === connection);
  }

  /** Ends the tasks of one connection; the units tell the initiator of it when the session goes on (RFC 7143 §11.14.5). */
  async #endTasks(connection: SessionConnection): Promise<void> {
    this.window.discardEarly((early) => early?.connection === connection);
    const tasks = this.#tasksOf(connection);
    const units = new Set(tasks.flatMap(({ unit }) => unit ?? []));
    connection.drained();
    const running = tasks.map((task) => this.abort(task));
    for (const unit of units) unit.tell(this, COMMANDS_CLEARED_BY_PROTOCOL_EVENT);
    await Promise.all(running);
  }

  /** "Close the connection": its tasks end. Resolves when they do nothing to the medium any more. */
  async closeConnection(connection: SessionConnection): Promise<void> {
    if (connection.state === 'lost') {
      await this.#giveUp(connection);
      return;
    }
    const ended = this.connectionEnded(connection, 'reinstated');
    connection.control.drop('reinstated');
    await ended;
  }

  /** "Remove the connection for recovery": its tasks may be reassigned from now on. */
  removeForRecovery(connection: SessionConnection): void {
    connection.isCleanedUp = true;
    this.window.discardEarly((early) => early?.connection === connection);
    if (connection.state !== 'open') return;
    if (this.#connections.get(connection.cid) === connection) this.#connections.delete(connection.cid);
    this.#lose(connection);
    connection.control.finish('connection lost');
  }

  async end(reason: SessionEnd, error?: Error): Promise<void> {
    const running = [...this.#tasks.values()].map((task) => this.abort(task));
    if (!this.#closing) {
      this.#closing = true;
      this.target.sessions.delete(this);
      for (const unit of this.target.units.values()) unit.left(this);
      this.#endConnections(reason);
      this.#options.onEnded(this);
      this.#options.onEvent({ kind: 'session ended', session: this.reference, reason, error });
    }
    await Promise.all(running);
  }

  #endConnections(reason: SessionEnd): void {
    const all = [...this.#connections.values(), ...this.#lost];
    this.#connections.clear();
    this.#lost.clear();
    for (const connection of all) {
      const wasOpen = connection.state === 'open';
      connection.state = 'ended';
      connection.retainTimer?.cancel();
      connection.drained();
      if (wasOpen) connection.control.finish(reason);
    }
  }

  /** The same initiator port has logged in again: this session ends. Resolves when it does nothing to the medium any more. */
  async giveWay(): Promise<void> {
    const open = this.connections;
    const ended = this.end('reinstated');
    for (const { control } of open) control.drop('reinstated');
    await ended;
  }

  /** Ends after what is queued has been sent. */
  finish(reason: SessionEnd): void {
    void this.end(reason);
  }

  /** Resolves when every task that the device is at work on has been answered. */
  async idle(): Promise<void> {
    const running = [...this.#tasks.values()].filter((task) => task.state === 'running');
    await Promise.all(running.map((task) => task.whenEnded()));
  }
}

/** A damaged header says nothing about its sender: the path failed, not the protocol (RFC 7143 §7.8). */
function isDamage(error: Error | undefined): boolean {
  return error instanceof ProtocolError && error.code === 'ISCSI_HEADER_DIGEST';
}
