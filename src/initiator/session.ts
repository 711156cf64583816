/**
 * A session in the full feature phase (RFC 7143 §4.2, §4.3): SCSI commands go out as the target's window allows, many at a time, and
 * every one ends: with its result, at its time limit, or with the session.
 *
 * One connection, error recovery level 0: what goes wrong on the wire ends the session (RFC 7143 §7.1.4). Tasks keep their request
 * until they end, so that an owner can give them to another session.
 */

import { channel } from 'node:diagnostics_channel';
import { ProtocolError, serialLess } from '../bytes/index.ts';
import { RESERVED_TAG } from '../iscsi/opcode.ts';
import type { Parameters } from '../iscsi/parameters.ts';
import { AsyncMessage, TaskManagementFunction } from '../iscsi/pdu.ts';
import type { Pdu } from '../iscsi/pdu-reader.ts';
import type { Clock } from '../os/clock.ts';
import type { Endpoint } from '../os/network.ts';
import { sameLun } from '../scsi/lun.ts';
import { readTargetMessage } from './async-message.ts';
import { CommandQueue } from './command-queue.ts';
import type { Connection } from './connection.ts';
import { Deadlines } from './deadlines.ts';
import { Exchanges } from './exchanges.ts';
import type { LoginComplete } from './login.ts';
import { Outstanding } from './outstanding.ts';
import { Reception } from './reception.ts';
import { renegotiate } from './renegotiation.ts';
import { logoutRequest, terminationAcknowledgement } from './request.ts';
import type { CommandExecutor, ScsiRequest, ScsiResult } from './scsi-request.ts';
import { Sender } from './sender.ts';
import {
  connectionLost,
  logoutRequested,
  protocolLevelTooLow,
  rejected,
  SessionDropped,
  sessionClosed,
  taskEnded,
} from './session-error.ts';
import { Task } from './task.ts';
import { TaskAbort } from './task-abort.ts';
import { type ManagementRequest, type ManagementResult, manageTasks } from './task-management.ts';
import type { Timeouts } from './timeouts.ts';
import { Watchdog } from './watchdog.ts';

export interface SessionIdentity {
  readonly initiatorName: string;
  /** Undefined in a discovery session. */
  readonly targetName: string | undefined;
  /** Six bytes. */
  readonly isid: Uint8Array;
  readonly cid: number;
  /** The CmdSN of the first command. */
  readonly cmdSN: number;
}

const asyncMessages = channel('diskless:initiator:async-message');
const rejects = channel('diskless:initiator:reject');

export class Session implements CommandExecutor {
  readonly identity: SessionIdentity;
  /** What the login agreed on, and what the target said of itself. */
  readonly login: LoginComplete;
  /** Settles when the session is over: with the reason, or with undefined after a logout. */
  readonly closed: Promise<Error | undefined>;
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #timeouts: Timeouts;
  readonly #sender: Sender;
  readonly #outstanding = new Outstanding();
  readonly #queue: CommandQueue;
  readonly #exchanges: Exchanges;
  readonly #reception: Reception;
  readonly #taskAbort: TaskAbort;
  readonly #deadlines: Deadlines;
  readonly #watchdog: Watchdog;
  readonly #settleClosed: (reason: Error | undefined) => void;
  #parameters: Parameters;
  #loggingOut: Promise<void> | undefined;
  #loggedOut = false;
  /** Why no more commands are taken, from the start of the logout on. */
  #refusal: Error | undefined;
  #over: Error | undefined;

  /** Takes over a connection whose login is complete. */
  constructor(
    connection: Connection,
    identity: SessionIdentity,
    login: LoginComplete,
    clock: Clock,
    timeouts: Timeouts,
  ) {
    this.identity = identity;
    this.login = login;
    this.#connection = connection;
    this.#parameters = login.parameters;
    this.#clock = clock;
    this.#timeouts = timeouts;
    this.#sender = new Sender(connection, login, identity.cmdSN);
    const { promise, resolve } = Promise.withResolvers<Error | undefined>();
    this.closed = promise;
    this.#settleClosed = resolve;
    this.#watchdog = new Watchdog(clock, (now) => this.#deadlines.look(now));
    const outstanding = this.#outstanding;
    const sender = this.#sender;
    const watch = (at: number): void => this.#watchdog.watch(at);
    this.#queue = new CommandQueue({ outstanding, sender, clock, watch, patience: timeouts.command });
    this.#exchanges = new Exchanges({ outstanding, sender, clock, watch, timeout: timeouts.exchange });
    this.#reception = new Reception({
      outstanding,
      sender,
      parameters: login.parameters,
      onLoggedOut: () => {
        this.#loggedOut = true;
      },
      onMessage: (pdu) => this.#receiveMessage(pdu),
      onReject: (reason, task) => {
        if (rejects.hasSubscribers) rejects.publish({ session: this, reason });
        if (task !== undefined) void this.#taskAbort.end(task, rejected(reason));
      },
    });
    const now = clock.monotonic();
    const queue = this.#queue;
    const exchanges = this.#exchanges;
    const giveUp = (reason: Error): void => this.destroy(reason);
    const taskAbort = new TaskAbort({ outstanding, exchanges, giveUp, onEnded: () => queue.advance() });
    this.#taskAbort = taskAbort;
    this.#deadlines = new Deadlines(
      { timeouts, outstanding, queue, exchanges, taskAbort, giveUp, peer: this.#peer },
      now,
    );
    connection.start({ pdu: (pdu) => this.#receive(pdu), closed: (error) => this.#end(error) });
    watch(now + timeouts.keepaliveInterval);
  }

  get remote(): Endpoint {
    return this.#connection.remote;
  }

  get local(): Endpoint {
    return this.#connection.local;
  }

  get parameters(): Parameters {
    return this.#parameters;
  }

  /** Whether it takes commands. */
  get isOpen(): boolean {
    return this.#over === undefined && this.#refusal === undefined;
  }

  /**
   * Runs a SCSI command; resolves with whatever status the target gives. Rejects with ISCSI_TIMEOUT, ISCSI_REJECTED,
   * ISCSI_TARGET_FAILURE, ISCSI_TASK_ENDED, ISCSI_LOGOUT_REQUESTED, ISCSI_SESSION_CLOSED, and what ended the session.
   */
  execute(request: ScsiRequest): Promise<ScsiResult> {
    const refusal = this.#over ?? this.#refusal;
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      this.#queue.push(new Task(request, request.timeout ?? this.#timeouts.command, resolve, reject));
    });
  }

  /** Sends one text (`key=value` pairs, each ended by NUL) and gathers the whole answer, which may take several PDUs. */
  exchangeText(text: Uint8Array): Promise<Uint8Array> {
    return this.#exchanges.text(text);
  }

  /**
   * From now on this side takes data segments of so many bytes (512 to 16777215), if the target agrees (RFC 7143 §13.12). Rejects
   * with what ends the session.
   */
  async declareMaxRecvDataSegmentLength(bytes: number): Promise<boolean> {
    const before = this.#parameters.maxRecvDataSegmentLength;
    // Segments of the old length may be on their way until the target has answered.
    this.#adopt({ maxRecvDataSegmentLength: Math.max(before, bytes) });
    const isAccepted = await this.#renegotiate(bytes);
    this.#adopt({ maxRecvDataSegmentLength: isAccepted ? bytes : before });
    return isAccepted;
  }

  /** Whether what this side has declared now holds. A target that breaks the rules loses the session. */
  async #renegotiate(maxRecvDataSegmentLength?: number): Promise<boolean> {
    try {
      const result = await renegotiate((text) => this.exchangeText(text), maxRecvDataSegmentLength);
      const { maxSendDataSegmentLength } = result;
      if (maxSendDataSegmentLength !== undefined) this.#adopt({ maxSendDataSegmentLength });
      return result.isAccepted;
    } catch (error) {
      if (error instanceof ProtocolError) this.destroy(error);
      throw error;
    }
  }

  #adopt(changes: Partial<Parameters>): void {
    this.#parameters = { ...this.#parameters, ...changes };
    this.#sender.adopt(this.#parameters);
    this.#connection.configure(this.#parameters);
  }

  /**
   * Runs a task management function on a unit or on the whole target. Commands that it ends reject with ISCSI_TASK_ENDED. Rejects with
   * ISCSI_PROTOCOL_LEVEL, and with what ends the session.
   */
  async manage(request: ManagementRequest): Promise<ManagementResult> {
    const { taskReporting, iSCSIProtocolLevel } = this.#parameters;
    if (request.function >= TaskManagementFunction.queryTask && iSCSIProtocolLevel < 2) {
      throw protocolLevelTooLow(2, iSCSIProtocolLevel);
    }
    const result = await manageTasks(request, {
      outstanding: this.#outstanding,
      isFastAbort: taskReporting === 'FastAbort',
      peer: this.#peer,
      ask: (fill) => this.#exchanges.ask({ title: 'a task management function', fill }),
      sendData: (task, { targetTransferTag, bufferOffset, desiredDataTransferLength }) =>
        this.#sender.data(task, targetTransferTag, bufferOffset, desiredDataTransferLength),
    });
    this.#queue.advance();
    return result;
  }

  /** Logs out and ends the connection; what is outstanding is finished first. Safe to call at any time, and again. */
  close(): Promise<void> {
    this.#refusal ??= sessionClosed();
    this.#loggingOut ??= this.#logOut(this.#queue.finished());
    return this.#loggingOut;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Ends the session at once; everything outstanding fails with `reason`. */
  destroy(reason: Error): void {
    this.#connection.destroy(reason);
    this.#end(reason);
  }

  /** The target wants it within that many seconds: what has been sent gets half of them to end. */
  #logOutWithin(time: number): void {
    if (this.#refusal !== undefined) return;
    this.#refusal = logoutRequested(this.#peer);
    this.#queue.refuse(this.#refusal);
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#clock.after((time * 1000) / 2, resolve);
    const ready = Promise.race([this.#queue.finished(), promise]).finally(() => timer.cancel());
    this.#loggingOut = this.#logOut(ready);
  }

  async #logOut(ready: Promise<void>): Promise<void> {
    await ready;
    if (this.#over !== undefined) return;
    try {
      await this.#exchanges.askLast({ title: 'a logout', fill: logoutRequest }, sessionClosed());
      this.#connection.destroy();
    } catch {
      // A target that does not answer the logout loses the connection all the same.
      this.destroy(sessionClosed());
    }
    this.#end(undefined);
  }

  #receive(pdu: Pdu): void {
    this.#deadlines.heard(this.#clock.monotonic());
    this.#reception.receive(pdu);
    this.#queue.advance();
  }

  #receiveMessage(pdu: Pdu): void {
    if (asyncMessages.hasSubscribers) {
      const { asyncEvent, parameter1, parameter2, parameter3 } = AsyncMessage.view(pdu.header);
      asyncMessages.publish({ session: this, asyncEvent, parameter1, parameter2, parameter3 });
    }
    const message = readTargetMessage(pdu);
    switch (message.kind) {
      case 'logout requested':
        this.#logOutWithin(message.time);
        return;
      case 'connection dropped':
        if (message.cid === this.identity.cid) this.destroy(new SessionDropped(this.#peer, message.time2Wait));
        return;
      case 'session dropped':
        this.destroy(new SessionDropped(this.#peer, message.time2Wait));
        return;
      case 'negotiation requested':
        // A text that is under way gives the target its turn as well.
        if (!this.#exchanges.hasText) this.#renegotiate().catch(() => {});
        return;
      case 'tasks terminated':
        this.#terminateTasks(message.lun, message.expCmdSN);
        return;
      case 'other':
        return;
    }
  }

  /** First the tasks end, so that nothing more is sent for them; then the target learns of it (RFC 7143 §11.9.1, event 5). */
  #terminateTasks(lun: Uint8Array, expCmdSN: number): void {
    for (const task of this.#outstanding.allTasks()) {
      if (!sameLun(task.request.lun, lun) || !serialLess(task.cmdSN, expCmdSN)) continue;
      this.#outstanding.forget(task);
      task.fail(taskEnded(this.#peer));
    }
    this.#sender.immediate(RESERVED_TAG, (header) => terminationAcknowledgement(header, lun));
  }

  get #peer(): string {
    return `${this.remote.address} port ${this.remote.port}`;
  }

  #end(error: Error | undefined): void {
    if (this.#over !== undefined) return;
    this.#over = this.#loggedOut ? sessionClosed() : (error ?? connectionLost(this.#peer));
    this.#watchdog.stop();
    this.#exchanges.stop(this.#over);
    this.#outstanding.failAll(this.#over);
    this.#queue.refuse(this.#over);
    this.#settleClosed(this.#loggedOut ? undefined : this.#over);
  }
}
