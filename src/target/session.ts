/**
 * A normal session: one initiator port at one target (RFC 7143 §4.3). It puts commands in order, makes tasks of them, sees to their
 * data, and answers. It has one connection (MaxConnections=1) and ends with it (ErrorRecoveryLevel=0).
 */

import { ProtocolError } from '../bytes/index.ts';
import { Opcode, RESERVED_TAG } from '../iscsi/opcode.ts';
import type { Parameters } from '../iscsi/parameters.ts';
import { AsyncEvent, BasicHeader, DataOut, ReadyToTransfer, RejectReason, ScsiCommand } from '../iscsi/pdu.ts';
import type { Pdu } from '../iscsi/pdu-reader.ts';
import { decodeLun, Status } from '../scsi/index.ts';
import { executeAtAbsentUnit } from './absent-unit.ts';
import { CommandWindow } from './command-window.ts';
import { READ_PIECE } from './commands/transfer.ts';
import { ControlRequests } from './control-requests.ts';
import { type AnswerContext, sendDataIn, sendScsiResponse } from './data-in.ts';
import { DataOutTransfer } from './data-out.ts';
import type { SessionEnd, SessionReference, TargetEventListener } from './event.ts';
import type { ConnectionControl, FullFeaturePhase } from './full-feature.ts';
import type { Outcome } from './outcome.ts';
import type { PduSender } from './pdu-sender.ts';
import { readPieces } from './read-pieces.ts';
import { Responses } from './responses.ts';
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
  readonly cid: number;
  readonly sender: PduSender;
  readonly control: ConnectionControl;
  readonly local: { readonly address: string; readonly port: number };
  readonly onEvent: TargetEventListener;
}

export class Session implements FullFeaturePhase, TaskOwner, AnswerContext {
  readonly initiatorName: string;
  readonly isid: string;
  readonly tsih: number;
  readonly target: Target;
  readonly parameters: Parameters;
  readonly sender: PduSender;
  readonly window: CommandWindow<Pdu>;
  readonly #options: SessionOptions;
  readonly #responses: Responses;
  readonly #requests: ControlRequests;
  readonly #tasks = new Map<number, Task>();
  readonly #writeRoom = new TransferRoom(WRITE_ROOM, (task) => this.#solicit(task));
  #immediateTasks = 0;
  #readsWaiting = 0;
  #lastTag = 0;
  #hasRead = false;
  #closing = false;
  #heard = 0;
  #drainWaiters: (() => void)[] = [];

  constructor(options: SessionOptions) {
    const { reference, target, parameters } = options;
    this.#options = options;
    this.initiatorName = reference.initiatorName;
    this.isid = reference.isid;
    this.tsih = reference.tsih;
    this.target = target;
    this.parameters = parameters;
    this.sender = options.sender;
    this.window = new CommandWindow(options.expCmdSN, COMMAND_WINDOW);
    this.#responses = new Responses(options.sender, this.window);
    this.#requests = new ControlRequests(this, this.#responses, options);
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

  findTask(initiatorTaskTag: number): Task | undefined {
    return this.#tasks.get(initiatorTaskTag);
  }

  receive(pdu: Pdu): void {
    this.#heard += 1;
    const opcode = (pdu.header[0] ?? 0) & 0x3f;
    if (opcode === Opcode.dataOut) {
      this.#dataOut(pdu);
      return;
    }
    if (!pdu.dataDigestOk) {
      // Recovery needs ErrorRecoveryLevel 1: without it the command would leave a hole in the order for ever (RFC 7143 §7.8).
      this.#responses.reject(RejectReason.dataDigestError, pdu.header);
      throw new ProtocolError('ISCSI_DATA_DIGEST', 'the data digest of a PDU does not match its data');
    }
    const header = BasicHeader.view(pdu.header);
    if (header.immediate || opcode === Opcode.snackRequest) {
      this.#deliver(opcode, pdu);
      return;
    }
    if (this.window.arrive(ScsiCommand.view(pdu.header).cmdSN, pdu) !== 'due') return;
    let next: Pdu | undefined = pdu;
    while (next !== undefined) {
      this.#deliver((next.header[0] ?? 0) & 0x3f, next);
      next = this.window.nextEarly();
    }
  }

  /** A command in its turn. */
  #deliver(opcode: number, pdu: Pdu): void {
    if (opcode === Opcode.scsiCommand) this.#scsiCommand(pdu);
    else this.#requests.receive(opcode, pdu);
  }

  #scsiCommand(pdu: Pdu): void {
    const header = ScsiCommand.view(pdu.header);
    if (this.#tasks.has(header.initiatorTaskTag)) {
      if (!header.immediate) this.window.release();
      this.#responses.reject(RejectReason.taskInProgress, pdu.header);
      return;
    }
    if (header.immediate && this.#immediateTasks >= IMMEDIATE_LIMIT) {
      this.#responses.reject(RejectReason.immediateCommandReject, pdu.header);
      return;
    }
    const lun = decodeLun(header.lun);
    const task = new Task(this, header, lun === undefined ? undefined : this.target.units.get(lun));
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
      const solicitation = transfer.solicit(() => this.#newTag());
      if (solicitation === undefined) return;
      const header = this.sender.newHeader();
      ReadyToTransfer.write(header, 0, {
        opcode: Opcode.readyToTransfer,
        final: true,
        lun: task.lun,
        initiatorTaskTag: task.initiatorTaskTag,
        statSN: this.sender.statSN,
        expCmdSN: this.window.expCmdSN,
        maxCmdSN: this.window.maxCmdSN,
        ...solicitation,
      });
      this.sender.send(header);
    }
  }

  #newTag(): number {
    this.#lastTag = (this.#lastTag + 1) % RESERVED_TAG;
    return this.#lastTag;
  }

  #dataOut(pdu: Pdu): void {
    const header = DataOut.view(pdu.header);
    const task = this.#tasks.get(header.initiatorTaskTag);
    // Data for a task that has been aborted may still be on its way: it is taken and forgotten (RFC 7143 §4.2.3.3).
    if (task === undefined || task.aborted) return;
    const { transfer } = task;
    if (transfer?.receive(header, pdu.data, pdu.dataLength, pdu.dataDigestOk) !== true) {
      this.#responses.reject(RejectReason.invalidPduField, pdu.header);
      return;
    }
    if (!pdu.dataDigestOk) this.#responses.reject(RejectReason.dataDigestError, pdu.header);
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
      if (this.ready) this.#options.control.resume();
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
    const isGood = outcome.status === Status.good;
    if (isGood && task.isRead && task.dataIn.length > 0 && task.expectedDataTransferLength > task.bufferOffset) {
      if (!this.#hasRead && task.length > 0) this.#tellFirstRead(task);
      sendDataIn(this, task, true);
      return;
    }
    const transferred = isGood ? (task.isWrite ? task.dataOutLength : task.dataInLength) : 0;
    sendScsiResponse(this, task, outcome, transferred, task.unit?.senseFormat ?? 'fixed');
  }

  /** Sends a read that is longer than one piece, never fetching ahead of the socket. */
  async #finishLongRead(task: Task): Promise<void> {
    const { unit } = task;
    if (unit === undefined) return;
    const outcome = await readPieces(unit, task, {
      send: () => sendDataIn(this, task, false),
      room: () => this.#whenWritable(),
    });
    if (!task.aborted) this.#answer(task, outcome);
    this.#forget(task);
  }

  #whenWritable(): Promise<void> | undefined {
    if (this.sender.writable || this.#closing) return undefined;
    return new Promise((resolve) => this.#drainWaiters.push(resolve));
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

  drained(): void {
    const waiters = this.#drainWaiters;
    this.#drainWaiters = [];
    for (const resolve of waiters) resolve();
  }

  /** How many PDUs have come: unchanged between two looks means silence. */
  get heard(): number {
    return this.#heard;
  }

  /** Asks for a sign of life; false when this initiator is not known to be able to give one. */
  ping(): boolean {
    if (!this.#requests.hasSeenNop || this.#closing) return false;
    this.#responses.ping(this.#newTag());
    return true;
  }

  announceShutdown(): void {
    // Not a logout request: an initiator that is told that the session was dropped comes back by itself, and finds the next server.
    this.#responses.asyncMessage(AsyncEvent.sessionDropped, 0, this.parameters.defaultTime2Wait, 0);
  }

  async end(reason: SessionEnd, error?: Error): Promise<void> {
    const running = [...this.#tasks.values()].map((task) => this.abort(task));
    if (!this.#closing) {
      this.#closing = true;
      this.target.sessions.delete(this);
      for (const unit of this.target.units.values()) unit.left(this);
      this.drained();
      this.#options.onEvent({ kind: 'session ended', session: this.reference, reason, error });
    }
    await Promise.all(running);
  }

  /** The same initiator port has logged in again: this session ends. Resolves when it does nothing to the medium any more. */
  async giveWay(): Promise<void> {
    const ended = this.end('reinstated');
    this.#options.control.drop('reinstated');
    await ended;
  }

  /** Ends after what is queued has been sent. */
  finish(reason: SessionEnd): void {
    this.#options.control.finish(reason);
  }

  /** Resolves when every task that the device is at work on has been answered. */
  async idle(): Promise<void> {
    const running = [...this.#tasks.values()].filter((task) => task.state === 'running');
    await Promise.all(running.map((task) => task.whenEnded()));
  }
}
