/**
 * A normal session: one initiator port at one target (RFC 7143 §4.3). It puts what comes on all its connections in order, and hands
 * commands to its tasks (session-tasks.ts) and everything else to the connection that brought it.
 *
 * It ends with its last connection (session-connections.ts).
 */

import { ProtocolError } from '../bytes/index.ts';
import { Opcode, RESERVED_TAG } from '../iscsi/opcode.ts';
import type { Parameters } from '../iscsi/parameters.ts';
import { BasicHeader, RejectReason, ScsiCommand } from '../iscsi/pdu.ts';
import type { Pdu } from '../iscsi/pdu-reader.ts';
import type { Clock } from '../os/clock.ts';
import { CommandWindow } from './command-window.ts';
import { EarlyCommand } from './early-command.ts';
import type { SessionEnd, SessionReference, TargetEventListener } from './event.ts';
import { requestLogout } from './logout-request.ts';
import { formatError, isRequest } from './request-format.ts';
import { ResponseFence } from './response-fence.ts';
import type { SessionConnection } from './session-connection.ts';
import { SessionConnections } from './session-connections.ts';
import { SessionTasks } from './session-tasks.ts';
import type { Target } from './target.ts';
import type { Task, TaskOwner } from './task.ts';
import { TaskAnswers } from './task-answers.ts';
import { TaskManagement } from './task-management.ts';

/** Of any request. */
const { fields } = ScsiCommand;

/** Commands that an initiator may have under way: what Linux asks for at most. */
export const COMMAND_WINDOW = 128;

export interface SessionOptions {
  readonly reference: SessionReference & { readonly targetName: string };
  readonly target: Target;
  readonly parameters: Parameters;
  readonly expCmdSN: number;
  /** The CHAP name that the initiator has proved to have; undefined where nobody asked. */
  readonly authenticatedAs: string | undefined;
  readonly clock: Clock;
  readonly onEvent: TargetEventListener;
  readonly onEnded: (session: Session) => void;
}

export class Session implements TaskOwner {
  readonly initiatorName: string;
  readonly isid: string;
  readonly tsih: number;
  readonly authenticatedAs: string | undefined;
  readonly target: Target;
  /** Those of the leading login. */
  readonly parameters: Parameters;
  /** What is due is never kept in it, so that nothing need be made for it. */
  readonly window: CommandWindow<EarlyCommand | undefined>;
  readonly tasks: SessionTasks;
  readonly connections: SessionConnections;
  readonly fence: ResponseFence;
  readonly management: TaskManagement;
  readonly clock: Clock;
  readonly #options: SessionOptions;
  /** Resolves with the reason when the session is over. */
  readonly ended: Promise<SessionEnd>;
  readonly #settleEnded: (reason: SessionEnd) => void;
  #lastTag = 0;
  #closing = false;

  constructor(options: SessionOptions) {
    const { reference, target, parameters } = options;
    this.#options = options;
    this.initiatorName = reference.initiatorName;
    this.isid = reference.isid;
    this.tsih = reference.tsih;
    this.authenticatedAs = options.authenticatedAs;
    this.target = target;
    this.parameters = parameters;
    this.window = new CommandWindow(options.expCmdSN, COMMAND_WINDOW);
    this.clock = options.clock;
    const { promise, resolve } = Promise.withResolvers<SessionEnd>();
    this.ended = promise;
    this.#settleEnded = resolve;
    this.connections = new SessionConnections(this);
    this.fence = new ResponseFence(options.clock, () => this.connections.open());
    this.management = new TaskManagement(this);
    const honoursFences = parameters.taskReporting !== 'RFC3720';
    this.tasks = new SessionTasks({
      owner: this,
      target,
      parameters,
      window: this.window,
      answers: new TaskAnswers({ reference, fence: this.fence, honoursFences, onEvent: options.onEvent }),
      newTag: () => this.newTag(),
      refuse: (pdu, connection, reason) => this.refuse(pdu, connection, reason),
    });
    for (const unit of target.units.values()) unit.joined(this);
    target.sessions.add(this);
  }

  get reference(): SessionReference {
    return this.#options.reference;
  }

  get closing(): boolean {
    return this.#closing;
  }

  get protocolLevel(): number {
    return this.parameters.iSCSIProtocolLevel;
  }

  receive(pdu: Pdu, connection: SessionConnection): void {
    const opcode = (pdu.header[0] ?? 0) & 0x3f;
    if (opcode === Opcode.dataOut) {
      if (this.tasks.dataOut(pdu, connection)) return;
      this.window.findEarly((early) => early?.owns(pdu, connection) === true)?.keep(pdu);
      return;
    }
    if (!isRequest(opcode)) {
      connection.responses.reject(RejectReason.commandNotSupported, pdu);
      return;
    }
    if (!pdu.dataDigestOk) {
      connection.responses.reject(RejectReason.dataDigestError, pdu);
      // From ErrorRecoveryLevel 1 on the initiator sends it again (RFC 7143 §7.8). Without, it would leave a hole in the order.
      if (this.parameters.errorRecoveryLevel > 0) return;
      throw new ProtocolError('ISCSI_DATA_DIGEST', 'the data digest of a PDU does not match its data');
    }
    const fault = formatError(opcode, pdu.header);
    if (fault !== undefined) {
      connection.responses.reject(RejectReason.protocolError, pdu);
      throw new ProtocolError('ISCSI_PDU_FORMAT', fault);
    }
    if (fields.immediate.read(pdu.header, 0) || opcode === Opcode.snackRequest || opcode === Opcode.loginRequest) {
      this.#deliver(opcode, pdu, connection);
      return;
    }
    const cmdSN = fields.cmdSN.read(pdu.header, 0);
    const kept = cmdSN === this.window.expCmdSN ? undefined : new EarlyCommand(pdu, connection);
    if (this.window.arrive(cmdSN, kept) !== 'due') return;
    this.#deliver(opcode, pdu, connection);
    this.#deliverEarly();
  }

  /** ExpCmdSN has moved on: what came early may be due. */
  #deliverEarly(): void {
    for (let next = this.#nextEarly(); next !== undefined; next = this.#nextEarly()) {
      this.#deliver(next.opcode, next.pdu, next.connection);
      for (const data of next.data) this.tasks.dataOut(data, next.connection);
    }
    this.management.advanced();
  }

  /** Nothing is begun behind a logout that has ended the session. */
  #nextEarly(): EarlyCommand | undefined {
    return this.#closing ? undefined : this.window.nextEarly();
  }

  /** A command that is not here, and may still come, never runs (RFC 7143 §11.6.1). False when there can be none. */
  skipCommand(cmdSN: number, initiatorTaskTag: number): boolean {
    const early = this.window.early(cmdSN)?.pdu.header;
    if (early !== undefined && BasicHeader.view(early).initiatorTaskTag !== initiatorTaskTag) return false;
    if (!this.window.skip(cmdSN)) return false;
    this.#deliverEarly();
    return true;
  }

  /** No command before `cmdSN` is waited for any more (RFC 7143 §4.2.3.3). */
  skipMissingCommands(cmdSN: number): void {
    this.window.skipMissing(cmdSN);
    this.#deliverEarly();
  }

  /** A command in its turn. */
  #deliver(opcode: number, pdu: Pdu, connection: SessionConnection): void {
    if (opcode === Opcode.scsiCommand) this.tasks.command(pdu, connection);
    else connection.request(opcode, pdu);
  }

  /** Discards a command before anything of it has happened: its number counts as never received (RFC 7143 §7.3). */
  refuse(pdu: Pdu, connection: SessionConnection, reason: number): void {
    const { immediate, cmdSN } = ScsiCommand.view(pdu.header);
    if (!immediate) this.window.retract(cmdSN);
    connection.responses.reject(reason, pdu);
  }

  start(task: Task): void {
    this.tasks.start(task);
  }

  abort(task: Task): Promise<void> | undefined {
    return this.tasks.abort(task);
  }

  abortAfterData(task: Task): Promise<void> | undefined {
    return this.tasks.abortAfterData(task);
  }

  tellWindow(): void {
    const [connection] = this.connections.open();
    connection?.responses.windowUpdate();
  }

  /** A Target Transfer Tag that nothing of this session uses. */
  newTag(): number {
    this.#lastTag = (this.#lastTag + 1) % RESERVED_TAG;
    return this.#lastTag;
  }

  /** Ends its tasks unanswered, and its connections when what is queued has left. Resolves when no task is at the medium. */
  async end(reason: SessionEnd, error?: Error): Promise<void> {
    const ended = this.tasks.abortAll();
    if (!this.#closing) {
      this.#closing = true;
      this.target.leave(this, ended);
      this.management.stop();
      for (const unit of this.target.units.values()) unit.left(this);
      this.connections.endAll(reason);
      this.fence.stop();
      this.#options.onEnded(this);
      this.#settleEnded(reason);
      this.#options.onEvent({ kind: 'session ended', session: this.reference, reason, error });
    }
    await ended;
  }

  /**
   * Asks the initiator to log out within `time` seconds (1 to 65535), and drops it when it does not. Resolves when the session is
   * over: with true when the initiator has logged out.
   */
  requestLogout(time: number): Promise<boolean> {
    return requestLogout(this, time);
  }

  /** The same initiator port has logged in again: this session ends. Resolves when it does nothing to the medium any more. */
  async giveWay(): Promise<void> {
    const open = this.connections.open();
    const ended = this.end('reinstated');
    for (const { control } of open) control.drop('reinstated');
    await ended;
  }
}
