/**
 * Recovery of connections under ErrorRecoveryLevel 2 (RFC 7143 §7.1.4.3, §7.2.2): a lost one is logged out for recovery, by a request
 * on another or by a login in its place, and its tasks are reassigned. What the target has taken in its turn it must still know.
 */

import { Opcode } from '../../../src/iscsi/opcode.ts';
import {
  LogoutReason,
  LogoutRequest,
  LogoutResponseCode,
  TaskManagementFunction,
  TaskManagementRequest,
  TaskManagementResponseCode,
} from '../../../src/iscsi/pdu.ts';
import { encodeLun } from '../../../src/scsi/index.ts';
import { until } from '../turns.ts';
import type { HonestConnection } from './honest-connection.ts';
import type { HonestSession } from './honest-session.ts';
import type { HonestTask } from './honest-task.ts';

export class ConnectionRecovery {
  readonly #session: HonestSession;
  readonly #responses = new Map<number, number>();
  /** Tasks that are to have another connection, by the tag of the TASK REASSIGN. */
  readonly #reassigning = new Map<number, { readonly task: HonestTask; readonly to: HonestConnection }>();

  constructor(session: HonestSession) {
    this.#session = session;
  }

  /** What follows a response in the stream belongs to the new allegiance: it holds at once. */
  answered(tag: number, response: number): void {
    this.#responses.set(tag, response);
    const reassigning = this.#reassigning.get(tag);
    if (reassigning === undefined) return;
    this.#reassigning.delete(tag);
    this.#reassigned(reassigning.task, reassigning.to, response);
  }

  /** Goes as far as the connections that it needs last; the next call goes on. */
  async recover(): Promise<void> {
    const to = await this.#takeOver();
    if (to === undefined) return;
    for (const lost of this.#lost) {
      if (!lost.isCleanedUp && !(await this.#logOut(lost, to))) return;
    }
    for (const task of this.#session.tasks) {
      if (!task.connection.isOpen && !(await this.#reassign(task, to))) return;
    }
    const tasks = this.#session.tasks;
    this.#session.connections = this.#session.connections.filter(
      (connection) => connection.isOpen || tasks.some((task) => task.connection === connection),
    );
  }

  get #lost(): readonly HonestConnection[] {
    return this.#session.connections.filter(({ isOpen }) => !isOpen);
  }

  /** The connection that is to have the tasks: one that there is, one in the place of a lost one, or one more. */
  async #takeOver(): Promise<HonestConnection | undefined> {
    const { open, scene, terms, connections } = this.#session;
    const { random } = scene;
    const present = open[random.below(open.length)];
    if (present !== undefined && random.oneIn(2)) return present;
    const cids = connections.map(({ wire }) => wire.cid);
    const inPlace = cids[random.below(cids.length)] ?? 1;
    const isOneMore = open.length < terms.maxConnections && random.oneIn(3);
    const cid = isOneMore ? Math.max(0, ...cids) + 1 : inPlace;
    const connection = await this.#session.connect(cid);
    if (!connection.isOpen) return undefined;
    for (const lost of this.#lost) if (lost.wire.cid === cid) lost.isCleanedUp = true;
    return connection;
  }

  /** False when the connection that it asks on is lost too. */
  async #logOut(lost: HonestConnection, by: HonestConnection): Promise<boolean> {
    const { cid } = lost.wire;
    const reason = LogoutReason.removeConnectionForRecovery;
    // The answer to an earlier request may have got lost: then there is no such connection any more.
    const isKnown = !lost.isAskedAbout;
    lost.isAskedAbout = true;
    const response = await this.#ask(by, (numbers) =>
      LogoutRequest.encode({ ...numbers, opcode: Opcode.logoutRequest, reason, cid }),
    );
    if (response === undefined) return false;
    if (response !== LogoutResponseCode.closed && (isKnown || response !== LogoutResponseCode.cidNotFound)) {
      this.#session.scene.violation(`a logout of connection ${cid} for recovery was answered with ${response}`);
    }
    lost.isCleanedUp = true;
    return true;
  }

  async #reassign(task: HonestTask, to: HonestConnection): Promise<boolean> {
    task.snackTag = 0;
    task.awaitsResegmented = false;
    task.wantsDataAck = undefined;
    // ExpDataSN acknowledges all data before it, and what came behind a gap comes again.
    task.acknowledged = task.expDataSN;
    if (task.work.data === undefined) task.rewind(task.expDataSN);
    const response = await this.#ask(to, (numbers) => {
      this.#reassigning.set(numbers.initiatorTaskTag, { task, to });
      return TaskManagementRequest.encode({
        ...numbers,
        opcode: Opcode.taskManagementRequest,
        function: TaskManagementFunction.taskReassign,
        lun: encodeLun(0),
        referencedTaskTag: task.tag,
        expDataSN: task.expDataSN,
      });
    });
    return response !== undefined;
  }

  #reassigned(task: HonestTask, to: HonestConnection, response: number): void {
    const { scene } = this.#session;
    task.connection = to;
    if (response === TaskManagementResponseCode.functionComplete) return;
    if (response === TaskManagementResponseCode.taskDoesNotExist && !this.#session.isDelivered(task)) {
      this.#session.sendAgain(task);
      return;
    }
    scene.violation(`task ${task.tag}, CmdSN ${task.cmdSN}, cannot be reassigned: ${response}`);
  }

  /** Sends an immediate request and waits for its response; undefined when the connection is lost meanwhile. */
  async #ask(
    on: HonestConnection,
    encode: (numbers: {
      immediate: true;
      final: true;
      initiatorTaskTag: number;
      cmdSN: number;
      expStatSN: number;
    }) => Uint8Array,
  ): Promise<number | undefined> {
    const { cmdSN, scene } = this.#session;
    const tag = this.#session.newTag();
    const { expStatSN } = on;
    on.send(encode({ immediate: true, final: true, initiatorTaskTag: tag, cmdSN, expStatSN }));
    const isAnswered = await until(() => !on.isOpen || this.#responses.has(tag));
    if (!isAnswered) scene.violation('a request that recovers gets no answer');
    return this.#responses.get(tag);
  }
}
