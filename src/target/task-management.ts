/** Task management functions of a session (RFC 7143 §4.2.3, §11.5, §11.6; RFC 7144 §6; SAM-5). */

import type { Awaitable } from '../block/device.ts';
import { serialLess } from '../bytes/index.ts';
import {
  RejectReason,
  TaskManagementFunction,
  TaskManagementRequest,
  TaskManagementResponseCode,
} from '../iscsi/pdu.ts';
import type { Pdu } from '../iscsi/pdu-reader.ts';
import { decodeLun } from '../scsi/index.ts';
import type { LogicalUnit } from './logical-unit.ts';
import { abortTasks, type MultiTaskAbort, multiTaskAborts } from './multi-task-abort.ts';
import { answerLost, reassign } from './reassignment.ts';
import type { Session } from './session.ts';
import type { SessionConnection } from './session-connection.ts';
import { queryAsynchronousEvent, queryTaskSet } from './task-query.ts';

/**
 * Immediate requests of a connection that may wait for a device at a time. More are rejected (RFC 7143 §4.2.2.1): a device that stalls must not let
 * them pile up.
 */
const IMMEDIATE_LIMIT = 32;

/** Milliseconds that an immediate request waits for the commands before it, which another connection has to bring. */
const ORDER_TIMEOUT = 10_000;

/** Functions that exist from iSCSIProtocolLevel 2 on (RFC 7144 §6.3). */
const laterFunctions: ReadonlySet<number> = new Set([
  TaskManagementFunction.queryTask,
  TaskManagementFunction.queryTaskSet,
  TaskManagementFunction.itNexusReset,
  TaskManagementFunction.queryAsynchronousEvent,
]);

const {
  functionComplete,
  functionSucceeded,
  taskDoesNotExist,
  lunDoesNotExist,
  functionNotSupported,
  functionRejected,
} = TaskManagementResponseCode;

interface Answer {
  readonly response: number;
  readonly information?: number;
  /** Its response has a Response Fence. */
  readonly isFenced?: boolean;
  /** To be done once it has been sent. */
  readonly resume?: () => void;
}

/** An immediate request that waits for the commands before it. */
interface Latecomer {
  readonly cmdSN: number;
  readonly resolve: (arrived: boolean) => void;
}

export class TaskManagement {
  readonly #session: Session;
  /** The requests under way: their connections by their Initiator Task Tags. */
  readonly #underWay = new Map<number, SessionConnection>();
  readonly #waiting = new Set<Latecomer>();

  constructor(session: Session) {
    this.#session = session;
  }

  /** Takes a request in its turn, or at once when it is immediate. */
  receive(pdu: Pdu, connection: SessionConnection): void {
    const request = TaskManagementRequest.view(pdu.header);
    // A tag tells one request from the others (RFC 7143 §11.2.1.8): a second one under it would not be counted.
    if (this.#underWay.has(request.initiatorTaskTag)) {
      this.#session.refuse(pdu, connection, RejectReason.taskInProgress);
      return;
    }
    if (request.immediate && this.#countOf(connection) >= IMMEDIATE_LIMIT) {
      connection.responses.reject(RejectReason.immediateCommandReject, pdu);
      return;
    }
    const answer = this.#carryOut(request, connection);
    if (!(answer instanceof Promise)) {
      this.#respond(request, connection, answer);
      return;
    }
    this.#underWay.set(request.initiatorTaskTag, connection);
    void answer.then((later) => {
      this.#underWay.delete(request.initiatorTaskTag);
      this.#respond(request, connection, later);
    });
  }

  #countOf(connection: SessionConnection): number {
    let count = 0;
    for (const each of this.#underWay.values()) if (each === connection) count += 1;
    return count;
  }

  /** ExpCmdSN has moved on. */
  advanced(): void {
    for (const latecomer of this.#waiting) {
      if (!serialLess(this.#session.window.expCmdSN, latecomer.cmdSN)) latecomer.resolve(true);
    }
  }

  /** The session is over. */
  stop(): void {
    for (const latecomer of this.#waiting) latecomer.resolve(false);
  }

  #respond(request: TaskManagementRequest, connection: SessionConnection, answer: Answer): void {
    if (!request.immediate) this.#session.window.release();
    const { initiatorTaskTag } = request;
    this.#session.fence.pass({
      isFenced: answer.isFenced ?? false,
      connection: () => connection,
      send: () => {
        if (connection.state !== 'open') return;
        connection.responses.taskManagement(initiatorTaskTag, answer.response, answer.information);
        answer.resume?.();
      },
    });
  }

  #carryOut(request: TaskManagementRequest, connection: SessionConnection): Awaitable<Answer> {
    const isLater = laterFunctions.has(request.function);
    if (isLater && this.#session.protocolLevel < 2) return { response: functionNotSupported };
    const abort = multiTaskAborts.get(request.function);
    if (abort !== undefined) return this.#abortSeveral(request, abort, connection);
    switch (request.function) {
      case TaskManagementFunction.abortTask:
        return this.#abortTask(request, connection);
      case TaskManagementFunction.taskReassign:
        // RFC 7143 §11.5.1: it is always an immediate one.
        if (!request.immediate || this.#isUnderWay(request)) return { response: functionRejected };
        return reassign(connection, request.referencedTaskTag, request.expDataSN);
      case TaskManagementFunction.queryTask:
        return this.#queryTask(request, connection);
      case TaskManagementFunction.queryTaskSet:
        return this.#ask(request, queryTaskSet);
      case TaskManagementFunction.queryAsynchronousEvent:
        return this.#ask(request, queryAsynchronousEvent);
      default:
        return { response: functionNotSupported };
    }
  }

  /** Whether the referenced task is itself such a request, which none of these functions may touch (RFC 7143 §11.5.1). */
  #isUnderWay({ referencedTaskTag }: TaskManagementRequest): boolean {
    return this.#underWay.has(referencedTaskTag);
  }

  #abortTask(request: TaskManagementRequest, connection: SessionConnection): Awaitable<Answer> {
    const { tasks } = this.#session;
    const task = tasks.find(request.referencedTaskTag);
    if (task === undefined) return this.#missingTask(request, connection);
    if (task.connection !== connection && task.connection.state === 'open') return { response: functionRejected };
    const ended = tasks.abort(task);
    return ended === undefined ? { response: functionComplete } : ended.then(() => ({ response: functionComplete }));
  }

  #queryTask(request: TaskManagementRequest, connection: SessionConnection): Answer {
    const task = this.#session.tasks.find(request.referencedTaskTag);
    if (task === undefined) return this.#missingTask(request, connection);
    if (task.connection !== connection && task.connection.state === 'open') return { response: functionRejected };
    return { response: functionSucceeded };
  }

  /** A task that is not here may have been answered, or may still come: then it counts as received (RFC 7143 §11.6.1). */
  #missingTask(request: TaskManagementRequest, connection: SessionConnection): Answer {
    const { referencedTaskTag, refCmdSN, cmdSN } = request;
    if (this.#isUnderWay(request)) return { response: functionRejected };
    // An answer that was lost with its connection goes before this one (RFC 7143 §11.5.1).
    if (answerLost(connection, referencedTaskTag)) return { response: functionComplete };
    const isSkipped = serialLess(refCmdSN, cmdSN) && this.#session.skipCommand(refCmdSN, referencedTaskTag);
    return { response: isSkipped ? functionComplete : taskDoesNotExist };
  }

  #ask(request: TaskManagementRequest, query: (unit: LogicalUnit, session: Session) => Answer): Awaitable<Answer> {
    const unit = this.#unitOf(request);
    if (unit === undefined) return { response: lunDoesNotExist };
    return this.#afterCommandsBefore(request.cmdSN, () => query(unit, this.#session));
  }

  #abortSeveral(
    request: TaskManagementRequest,
    abort: MultiTaskAbort,
    connection: SessionConnection,
  ): Awaitable<Answer> {
    if (abort.isTargetWide) {
      this.#session.skipMissingCommands(request.cmdSN);
      return this.#abortAt([...this.#session.target.units.values()], request, abort, connection);
    }
    const unit = this.#unitOf(request);
    if (unit === undefined) return { response: lunDoesNotExist };
    return this.#afterCommandsBefore(request.cmdSN, () => this.#abortAt([unit], request, abort, connection));
  }

  async #abortAt(
    units: readonly LogicalUnit[],
    { function: fn, cmdSN }: TaskManagementRequest,
    abort: MultiTaskAbort,
    connection: SessionConnection,
  ): Promise<Answer> {
    const session = this.#session;
    const tasks = units
      .flatMap((unit) => [...session.target.sessions].flatMap((each) => each.tasks.at(unit)))
      .filter((task) => abort.affects(task, session, cmdSN));
    const nexuses = new Set(tasks.map(({ nexus }) => nexus));
    await abortTasks(tasks, connection);
    for (const unit of units) abort.finish?.(unit, session, nexuses);
    return { response: functionComplete, isFenced: true, resume: () => this.#endSessions(fn) };
  }

  /** Some functions end sessions, this one after its answer (RFC 7143 §11.5.1, RFC 7144 §6.3). */
  #endSessions(fn: number): void {
    if (fn === TaskManagementFunction.itNexusReset) void this.#session.end('reset');
    if (fn !== TaskManagementFunction.targetColdReset) return;
    for (const session of this.#session.target.sessions) void session.end('reset');
  }

  #unitOf(request: TaskManagementRequest): LogicalUnit | undefined {
    const lun = decodeLun(request.lun);
    return lun === undefined ? undefined : this.#session.target.units.get(lun);
  }

  /** Goes on when all commands before a request have come (RFC 7143 §4.2.3.3 b), at once where they have; rejects it when they do not. */
  #afterCommandsBefore(cmdSN: number, action: () => Awaitable<Answer>): Awaitable<Answer> {
    if (!serialLess(this.#session.window.expCmdSN, cmdSN)) return action();
    return this.#commandsBefore(cmdSN).then((arrived) => (arrived ? action() : { response: functionRejected }));
  }

  async #commandsBefore(cmdSN: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const latecomer = { cmdSN, resolve };
    this.#waiting.add(latecomer);
    const timer = this.#session.clock.after(ORDER_TIMEOUT, () => resolve(false));
    const arrived = await promise;
    timer.cancel();
    this.#waiting.delete(latecomer);
    return arrived;
  }
}
