/**
 * A session in the full feature phase (RFC 7143 §4.2, §4.3): SCSI commands go out as the target's window allows, many at a time, and
 * every one ends: with its result, at its time limit, or with the session.
 *
 * One connection, error recovery level 0: what goes wrong on the wire ends the session (RFC 7143 §7.1.4). Tasks keep their request
 * until they end, so that an owner can give them to another session.
 */

import { channel } from 'node:diagnostics_channel';
import { inOnePiece, ProtocolError, readU32, serialAdd } from '../bytes/index.ts';
import { Opcode, RESERVED_TAG } from '../iscsi/opcode.ts';
import type { Parameters } from '../iscsi/parameters.ts';
import { AsyncEvent, AsyncMessage, DataIn, NopIn, ReadyToTransfer, Reject, ScsiResponse } from '../iscsi/pdu.ts';
import type { Pdu } from '../iscsi/pdu-reader.ts';
import type { Clock } from '../os/clock.ts';
import type { Endpoint } from '../os/network.ts';
import type { Connection } from './connection.ts';
import { Exchange } from './exchange.ts';
import type { LoginComplete } from './login.ts';
import { abortTaskRequest, logoutRequest, pingAnswer, pingRequest } from './request.ts';
import type { ScsiRequest, ScsiResult } from './scsi-request.ts';
import { Sender } from './sender.ts';
import { connectionLost, noAnswer, rejected, sessionClosed, sessionDropped } from './session-error.ts';
import { Task } from './task.ts';
import { exchangeText } from './text-exchange.ts';
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

/** How many commands may be outstanding, whatever the target's window says: bounds memory on both sides. */
const MAX_OUTSTANDING_TASKS = 128;

/** What answers a request that is no SCSI command. */
const exchangeAnswers: ReadonlySet<number> = new Set([
  Opcode.textResponse,
  Opcode.logoutResponse,
  Opcode.taskManagementResponse,
]);

const asyncMessages = channel('diskless:initiator:async-message');
const rejects = channel('diskless:initiator:reject');

type Outstanding = Task | Exchange;

export class Session {
  readonly identity: SessionIdentity;
  /** What the login agreed on, and what the target said of itself. */
  readonly login: LoginComplete;
  /** Settles when the session is over: with the reason, or with undefined after a logout. */
  readonly closed: Promise<Error | undefined>;
  readonly #connection: Connection;
  readonly #parameters: Parameters;
  readonly #clock: Clock;
  readonly #timeouts: Timeouts;
  readonly #sender: Sender;
  readonly #outstanding = new Map<number, Outstanding>();
  readonly #waiting: Task[] = [];
  readonly #watchdog: Watchdog;
  readonly #settleClosed: (reason: Error | undefined) => void;
  #tasks = 0;
  /** When to give up a target that takes no command although none is outstanding; Infinity while it does. */
  #stalledUntil = Number.POSITIVE_INFINITY;
  #nextTag = 1;
  #lastReceived: number;
  #pinging = false;
  #loggingOut: Promise<void> | undefined;
  #loggedOut = false;
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
    this.#lastReceived = clock.monotonic();
    const { promise, resolve } = Promise.withResolvers<Error | undefined>();
    this.closed = promise;
    this.#settleClosed = resolve;
    connection.start({ pdu: (pdu) => this.#receive(pdu), closed: (error) => this.#end(error) });
    this.#watchdog = new Watchdog(clock, (now) => this.#look(now));
    this.#watchdog.watch(this.#lastReceived + timeouts.keepaliveInterval);
  }

  get remote(): Endpoint {
    return this.#connection.remote;
  }

  get parameters(): Parameters {
    return this.#parameters;
  }

  /**
   * Runs a SCSI command; resolves with whatever status the target gives. Rejects with ISCSI_TIMEOUT, ISCSI_REJECTED,
   * ISCSI_TARGET_FAILURE, ISCSI_SESSION_CLOSED, and what ended the session.
   */
  execute(request: ScsiRequest): Promise<ScsiResult> {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    if (this.#loggingOut !== undefined) return Promise.reject(sessionClosed());
    return new Promise((resolve, reject) => {
      this.#waiting.push(new Task(request, request.timeout ?? this.#timeouts.command, resolve, reject));
      this.#sendWaiting();
    });
  }

  /** Sends one text (`key=value` pairs, each ended by NUL) and gathers the whole answer, which may take several PDUs. */
  exchangeText(text: Uint8Array): Promise<Uint8Array> {
    const tag = this.#takeTag();
    const { exchange } = this.#timeouts;
    return exchangeText((fill, data) => this.#exchange('a text request', exchange, tag, fill, data), text);
  }

  /** Logs out and ends the connection; what is outstanding is finished first. Safe to call at any time, and again. */
  close(): Promise<void> {
    this.#loggingOut ??= this.#logOut();
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

  async #logOut(): Promise<void> {
    if (this.#over !== undefined) return;
    await Promise.all(this.#unfinished());
    try {
      const { cid } = this.identity;
      await this.#exchange('a logout', this.#timeouts.exchange, this.#takeTag(), (header) =>
        logoutRequest(header, cid),
      );
      this.#connection.destroy();
    } catch {
      // A target that does not answer the logout loses the connection all the same.
      this.destroy(sessionClosed());
    }
    this.#end(undefined);
  }

  /** One promise per task that has not ended. */
  #unfinished(): Promise<void>[] {
    const tasks = [...this.#waiting, ...[...this.#outstanding.values()].filter((each) => each.kind === 'task')];
    return tasks.map((task) => task.ended);
  }

  #sendWaiting(): void {
    while (this.#waiting.length > 0 && this.#sender.window.open && this.#tasks < MAX_OUTSTANDING_TASKS) {
      const task = this.#waiting.shift();
      if (task !== undefined) this.#sendTask(task);
    }
    // Tasks that are outstanding end in time, and move the window when they do. With none, only the target can.
    const stalled = this.#waiting.length > 0 && this.#tasks === 0;
    if (!stalled) this.#stalledUntil = Number.POSITIVE_INFINITY;
    else if (this.#stalledUntil === Number.POSITIVE_INFINITY) {
      this.#stalledUntil = this.#clock.monotonic() + this.#timeouts.command;
      this.#watchdog.watch(this.#stalledUntil);
    }
  }

  #sendTask(task: Task): void {
    const tag = this.#takeTag();
    task.initiatorTaskTag = tag;
    task.deadline = this.#clock.monotonic() + task.timeout;
    this.#outstanding.set(tag, task);
    this.#tasks += 1;
    this.#sender.command(task);
    this.#watchdog.watch(task.deadline);
  }

  /** Sends an immediate request, which no window holds back, and resolves with its answer. */
  #exchange(
    title: string,
    timeout: number,
    tag: number,
    fill: (header: Uint8Array) => void,
    data: readonly Uint8Array[] = [],
  ): Promise<Pdu> {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    return new Promise((resolve, reject) => {
      const deadline = this.#clock.monotonic() + timeout;
      this.#outstanding.set(tag, new Exchange(title, tag, deadline, resolve, reject));
      this.#sender.immediate(tag, fill, data);
      this.#watchdog.watch(deadline);
    });
  }

  #takeTag(): number {
    do this.#nextTag = serialAdd(this.#nextTag, 1);
    while (this.#nextTag === RESERVED_TAG || this.#outstanding.has(this.#nextTag));
    return this.#nextTag;
  }

  #receive(pdu: Pdu): void {
    this.#lastReceived = this.#clock.monotonic();
    if (!pdu.dataDigestOk)
      throw new ProtocolError('ISCSI_DATA_DIGEST', 'the data digest of a PDU does not match its data');
    const { header } = pdu;
    const opcode = (header[0] ?? 0) & 0x3f;
    // Every PDU of a target numbers the commands in the same place (RFC 7143 §11).
    this.#sender.window.update(readU32(header, 28), readU32(header, 32));
    this.#dispatch(opcode, pdu);
    if (this.#waiting.length > 0) this.#sendWaiting();
  }

  #dispatch(opcode: number, pdu: Pdu): void {
    if (opcode === Opcode.dataIn) this.#receiveDataIn(pdu);
    else if (opcode === Opcode.scsiResponse) this.#receiveResponse(pdu);
    else if (opcode === Opcode.readyToTransfer) this.#receiveReadyToTransfer(pdu);
    else if (opcode === Opcode.nopIn) this.#receiveNop(pdu);
    else if (opcode === Opcode.asyncMessage) this.#receiveAsync(pdu);
    else if (opcode === Opcode.reject) this.#receiveReject(pdu);
    else if (exchangeAnswers.has(opcode)) this.#receiveAnswer(pdu);
    else throw new ProtocolError('ISCSI_PDU_UNEXPECTED', `the target sent a PDU with opcode ${opcode.toString(16)}h`);
  }

  #receiveDataIn(pdu: Pdu): void {
    const header = DataIn.view(pdu.header);
    if (header.hasStatus) this.#sender.acknowledge(pdu);
    const task = this.#task(header.initiatorTaskTag);
    // A task that was aborted meanwhile may still get data (RFC 7143 §11.5.1).
    if (task?.receiveData(pdu, header) !== true) return;
    this.#forget(task);
    task.completeWithData(header);
  }

  #receiveResponse(pdu: Pdu): void {
    this.#sender.acknowledge(pdu);
    const header = ScsiResponse.view(pdu.header);
    const task = this.#task(header.initiatorTaskTag);
    if (task === undefined) return;
    this.#forget(task);
    task.complete(pdu, header);
  }

  #receiveReadyToTransfer(pdu: Pdu): void {
    const header = ReadyToTransfer.view(pdu.header);
    const task = this.#task(header.initiatorTaskTag);
    if (task === undefined) return;
    task.checkReadyToTransfer(header, this.#parameters.maxBurstLength);
    this.#sender.data(task, header.targetTransferTag, header.bufferOffset, header.desiredDataTransferLength);
  }

  #receiveNop(pdu: Pdu): void {
    const header = NopIn.view(pdu.header);
    if (header.initiatorTaskTag !== RESERVED_TAG) this.#receiveAnswer(pdu);
    // A tag of the target's asks for an answer (RFC 7143 §11.19.2). Its StatSN is only announced, not used up.
    if (header.targetTransferTag === RESERVED_TAG) return;
    this.#sender.immediate(RESERVED_TAG, (answer) => pingAnswer(answer, header));
  }

  #receiveAsync(pdu: Pdu): void {
    this.#sender.acknowledge(pdu);
    const { asyncEvent, parameter1, parameter2, parameter3 } = AsyncMessage.view(pdu.header);
    if (asyncMessages.hasSubscribers)
      asyncMessages.publish({ session: this, asyncEvent, parameter1, parameter2, parameter3 });
    if (asyncEvent === AsyncEvent.logoutRequested) void this.close();
    if (asyncEvent === AsyncEvent.connectionDropped || asyncEvent === AsyncEvent.sessionDropped) {
      this.destroy(sessionDropped(this.#peer, parameter2));
    }
  }

  /** The data segment holds the header that was rejected (RFC 7143 §11.17). */
  #receiveReject(pdu: Pdu): void {
    this.#sender.acknowledge(pdu);
    const { reason } = Reject.view(pdu.header);
    if (rejects.hasSubscribers) rejects.publish({ session: this, reason });
    const header = inOnePiece(pdu.data);
    const outstanding = header.length < 20 ? undefined : this.#outstanding.get(readU32(header, 16));
    if (outstanding === undefined) return;
    this.#forget(outstanding);
    outstanding.fail(rejected(reason));
  }

  #receiveAnswer(pdu: Pdu): void {
    this.#sender.acknowledge(pdu);
    // Noted at once: the target may close the connection right behind this answer.
    if (((pdu.header[0] ?? 0) & 0x3f) === Opcode.logoutResponse) this.#loggedOut = true;
    const exchange = this.#outstanding.get(readU32(pdu.header, 16));
    if (exchange?.kind !== 'exchange') return;
    this.#forget(exchange);
    exchange.complete(pdu);
  }

  #task(tag: number): Task | undefined {
    const task = this.#outstanding.get(tag);
    return task?.kind === 'task' ? task : undefined;
  }

  #forget(outstanding: Outstanding): void {
    if (this.#outstanding.delete(outstanding.initiatorTaskTag) && outstanding.kind === 'task') this.#tasks -= 1;
  }

  /** Deals with what is due; returns when to look again. */
  #look(now: number): number {
    const { keepaliveInterval } = this.#timeouts;
    let next = this.#lastReceived + keepaliveInterval;
    if (next <= now) {
      if (!this.#pinging) void this.#ping();
      next = now + keepaliveInterval;
    }
    if (this.#stalledUntil <= now) this.destroy(noAnswer(this.#peer, 'with room for a command'));
    next = Math.min(next, this.#stalledUntil);
    for (const outstanding of this.#outstanding.values()) {
      if (outstanding.deadline > now) next = Math.min(next, outstanding.deadline);
      else if (outstanding.kind === 'task') void this.#abort(outstanding);
      else {
        this.destroy(noAnswer(this.#peer, outstanding.title));
        break;
      }
    }
    return next;
  }

  /** Asks a silent target whether it is there. No answer in time ends the session like any exchange. */
  async #ping(): Promise<void> {
    this.#pinging = true;
    try {
      await this.#exchange('a ping', this.#timeouts.keepaliveTimeout, this.#takeTag(), pingRequest);
    } catch {
      // The session has ended, and said why.
    } finally {
      this.#pinging = false;
    }
  }

  /** A task out of time is aborted at the target before it fails here: until then, data may still go to and from its buffers. */
  async #abort(task: Task): Promise<void> {
    task.deadline = Number.POSITIVE_INFINITY;
    try {
      await this.#exchange('an abort', this.#timeouts.exchange, this.#takeTag(), (header) =>
        abortTaskRequest(header, task),
      );
    } catch {
      // The session has ended, and the task with it.
      return;
    }
    this.#forget(task);
    task.fail(noAnswer(this.#peer, 'a SCSI command'));
    this.#sendWaiting();
  }

  get #peer(): string {
    return `${this.remote.address} port ${this.remote.port}`;
  }

  #end(error: Error | undefined): void {
    if (this.#over !== undefined) return;
    this.#over = this.#loggedOut ? sessionClosed() : (error ?? connectionLost(this.#peer));
    this.#watchdog.stop();
    for (const each of [...this.#outstanding.values(), ...this.#waiting]) each.fail(this.#over);
    this.#outstanding.clear();
    this.#waiting.length = 0;
    this.#settleClosed(this.#loggedOut ? undefined : this.#over);
  }
}
