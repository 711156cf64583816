/** Task management functions of a session (RFC 7143 §4.2.3, §11.5, §11.6; RFC 7144 §6; SAM-5). */

import type { Awaitable } from '../block/device.ts';
import {
  RejectReason,
  TaskManagementFunction,
  TaskManagementRequest,
  TaskManagementResponseCode,
} from '../iscsi/pdu.ts';
import type { Pdu } from '../iscsi/pdu-reader.ts';
import { decodeLun } from '../scsi/index.ts';
import { endsInTime } from './device-work.ts';
import { EarlierCommands } from './earlier-commands.ts';
import type { LogicalUnit } from './logical-unit.ts';
import { abortTasks, type MultiTaskAbort, multiTaskAborts } from './multi-task-abort.ts';
import { reassign } from './reassignment.ts';
import type { Session } from './session.ts';
import type { SessionConnection } from './session-connection.ts';
import { abortTask, queryTask } from './single-task-management.ts';
import { queryAsynchronousEvent, queryTaskSet } from './task-query.ts';

/**
 * Immediate requests of a connection that may wait for a device at a time. More are rejected (RFC 7143 §4.2.2.1): a device that
 * stalls must not let them pile up.
 */
const IMMEDIATE_LIMIT = 32;

/** Functions that exist from iSCSIProtocolLevel 2 on (RFC 7144 §6.3). */
const laterFunctions: ReadonlySet<number> = new Set([
  TaskManagementFunction.queryTask,
  TaskManagementFunction.queryTaskSet,
  TaskManagementFunction.itNexusReset,
  TaskManagementFunction.queryAsynchronousEvent,
]);

const singleTaskFunctions: ReadonlySet<number> = new Set([
  TaskManagementFunction.abortTask,
  TaskManagementFunction.taskReassign,
  TaskManagementFunction.queryTask,
]);

const { functionComplete, lunDoesNotExist, functionNotSupported, functionRejected } = TaskManagementResponseCode;

interface Answer {
  readonly response: number;
  readonly information?: number;
  /** Its response has a Response Fence. */
  readonly isFenced?: boolean;
  /** To be done once it has been sent, or cannot be sent any more. */
  readonly finish?: () => void;
}

export class TaskManagement {
  readonly #session: Session;
  /** The requests under way: their connections by their Initiator Task Tags. */
  readonly #underWay = new Map<number, SessionConnection>();
  readonly #earlier: EarlierCommands;

  constructor(session: Session) {
    this.#session = session;
    this.#earlier = new EarlierCommands(session.window, session.clock);
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
    this.#earlier.advanced();
  }

  /** The session is over. */
  stop(): void {
    this.#earlier.stop();
  }

  #respond(request: TaskManagementRequest, connection: SessionConnection, answer: Answer): void {
    if (!request.immediate) this.#session.window.release();
    const { initiatorTaskTag } = request;
    this.#session.fence.pass({
      isFenced: answer.isFenced ?? false,
      connection: () => connection,
      send: () => {
        if (connection.state === 'open') {
          connection.responses.taskManagement(initiatorTaskTag, answer.response, answer.information);
        }
        answer.finish?.();
      },
    });
  }

  #carryOut(request: TaskManagementRequest, connection: SessionConnection): Awaitable<Answer> {
    const { function: fn } = request;
    if (laterFunctions.has(fn) && this.#session.protocolLevel < 2) return { response: functionNotSupported };
    const abort = multiTaskAborts.get(fn);
    if (abort !== undefined) return this.#abortSeveral(request, abort, connection);
    // None of the functions about one task may touch such a request (RFC 7143 §11.5.1, RFC 7144 §6.3).
    const isOfRequest = this.#underWay.has(request.referencedTaskTag);
    if (isOfRequest && singleTaskFunctions.has(fn)) return { response: functionRejected };
    switch (fn) {
      case TaskManagementFunction.abortTask: {
        const response = abortTask(request, connection);
        return typeof response === 'number' ? { response } : response.then((later) => ({ response: later }));
      }
      case TaskManagementFunction.taskReassign:
        // RFC 7143 §11.5.1: it is always an immediate one.
        if (!request.immediate) return { response: functionRejected };
        return reassign(connection, request.referencedTaskTag, request.expDataSN);
      case TaskManagementFunction.queryTask:
        return { response: queryTask(request, connection) };
      case TaskManagementFunction.queryTaskSet:
        return this.#ask(request, queryTaskSet);
      case TaskManagementFunction.queryAsynchronousEvent:
        return this.#ask(request, queryAsynchronousEvent);
      default:
        return { response: functionNotSupported };
    }
  }

  #ask(request: TaskManagementRequest, query: (unit: LogicalUnit, session: Session) => Answer): Awaitable<Answer> {
    const unit = this.#unitOf(request);
    if (unit === undefined) return { response: lunDoesNotExist };
    return this.#inOrder(request, () => query(unit, this.#session));
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
    return this.#inOrder(request, () => this.#abortAt([unit], request, abort, connection));
  }

  async #abortAt(
    units: readonly LogicalUnit[],
    { cmdSN }: TaskManagementRequest,
    abort: MultiTaskAbort,
    connection: SessionConnection,
  ): Promise<Answer> {
    const session = this.#session;
    const tasks = units
      .flatMap((unit) => [...session.target.sessions].flatMap((each) => each.tasks.at(unit)))
      .filter((task) => abort.affects(task, session, cmdSN));
    const nexuses = new Set(tasks.map(({ nexus }) => nexus));
    const finishing = units.map((unit) => abort.begin?.(unit, session, nexuses));
    const sessionsToEnd = abort.sessionsToEnd?.(session) ?? [];
    // Until the device has let go of the last task, nothing else of the function happens, and nobody is told that it has: what is
    // released or cleared then is safe from what the device still does. The answer does not wait as long, and claims nothing.
    const done = abortTasks(tasks, connection).then(() => {
      for (const finish of finishing) finish?.();
    });
    const isDone = await endsInTime(session.clock, done);
    // Some functions end sessions, this one after its answer (RFC 7143 §11.5.1, RFC 7144 §6.3).
    const finish = (): void => {
      void done.then(() => {
        for (const each of sessionsToEnd) void each.end('reset');
      });
    };
    return isDone ? { response: functionComplete, isFenced: true, finish } : { response: functionRejected, finish };
  }

  #unitOf(request: TaskManagementRequest): LogicalUnit | undefined {
    const lun = decodeLun(request.lun);
    return lun === undefined ? undefined : this.#session.target.units.get(lun);
  }

  /** Goes on when all commands before a request have come (RFC 7143 §4.2.3.3 b); rejects it when they do not. */
  #inOrder({ cmdSN }: TaskManagementRequest, action: () => Awaitable<Answer>): Awaitable<Answer> {
    const arrived = this.#earlier.arrived(cmdSN);
    if (arrived === true) return action();
    return Promise.resolve(arrived).then((late) => (late ? action() : { response: functionRejected }));
  }
}
