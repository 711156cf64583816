/** What a target may hold at most, measured from its own objects: tasks, their data, connections, and what is kept to be sent again. */

import { Connection } from '../../../src/target/connection.ts';
import { Session } from '../../../src/target/session.ts';
import { SessionConnection } from '../../../src/target/session-connection.ts';
import type { Target } from '../../../src/target/target.ts';
import type { Task } from '../../../src/target/task.ts';
import type { ObservedEnd, ObservedNetwork } from '../observed/network.ts';

/** What may be queued for one initiator that does not read: its socket's window and the reads under way. */
const QUEUE_BOUND = 40 << 20;
/** A window of commands, and immediate ones beside it. */
const TASKS_OF_SESSION = 128 + 32;
/** The longest WRITE, or the room for several; and unsolicited data of each task. */
const DATA_OF_SESSION = (32 << 20) + TASKS_OF_SESSION * 65_536;
const MAX_CONNECTIONS = 4;
const KEPT_OF_CONNECTION = 16 << 20;
const LOST_OF_SESSION = 8;
/** The longest PDU but for its last byte, or what waits for its turn (connection.ts); beside what comes with that in one piece. */
const UNREAD_BOUND = 262_144 + 2048;

export class Bounds {
  readonly #target: Target;
  readonly #network: ObservedNetwork;
  readonly #onViolation: (what: string) => void;
  /** Connections that there are or were: a lost one is still its session's. */
  readonly #connections = new Set<SessionConnection>();

  constructor(target: Target, network: ObservedNetwork, onViolation: (what: string) => void) {
    this.#target = target;
    this.#network = network;
    this.#onViolation = onViolation;
  }

  check(): void {
    const { mostQueued } = this.#network;
    if (mostQueued > QUEUE_BOUND)
      this.#onViolation(`${mostQueued} bytes are queued for an initiator that does not read`);
    for (const end of this.#network.targetEnds) this.#checkEnd(end);
    const sessions = [...this.#target.sessions];
    const ports = new Set(sessions.map(({ initiatorName, isid }) => `${initiatorName},${isid}`));
    if (ports.size < sessions.length) this.#onViolation('an initiator port has two sessions (RFC 7143 §4.4.3.1)');
    for (const session of sessions) this.#checkSession(session);
    this.#checkConnections();
    for (const unit of this.#target.units.values()) this.#checkSuccession(unit.taskSet.tasks());
  }

  /** What a session still does to the medium ends before another one of its initiator port begins (RFC 7143 §6.3.5). */
  #checkSuccession(tasks: readonly Task[]): void {
    for (const { nexus, outlivesAbort } of tasks) {
      if (!(nexus instanceof Session) || !nexus.closing || outlivesAbort) continue;
      const { initiatorName, isid } = nexus;
      if (this.#target.findSession(initiatorName, isid) === undefined) continue;
      this.#onViolation('a session has begun while the one before it is at work on the medium');
    }
  }

  #checkEnd({ handler, longestChunk }: ObservedEnd): void {
    if (!(handler instanceof Connection)) return;
    const { unread, phase } = handler;
    if (unread > UNREAD_BOUND + longestChunk) this.#onViolation(`${unread} bytes wait to be taken`);
    if (phase instanceof SessionConnection) this.#connections.add(phase);
  }

  #checkSession(session: Session): void {
    const connections = session.connections.open();
    if (connections.length > MAX_CONNECTIONS) this.#onViolation(`${connections.length} connections of one session`);
    const tasks = [...this.#target.units.values()].flatMap(({ taskSet }) => taskSet.tasks());
    const own = tasks.filter(({ nexus }) => nexus === session);
    if (own.length > TASKS_OF_SESSION) this.#onViolation(`${own.length} tasks of one session`);
    const data = own.reduce((sum, { transfer, dataIn }) => sum + (transfer?.length ?? 0) + lengthOf(dataIn), 0);
    if (data > DATA_OF_SESSION) this.#onViolation(`${data} bytes of data of one session`);
  }

  #checkConnections(): void {
    const lost = new Map<Session, number>();
    for (const connection of this.#connections) {
      if (connection.state === 'ended') {
        this.#connections.delete(connection);
        continue;
      }
      const kept = connection.sent?.payloadBytes ?? 0;
      if (kept > KEPT_OF_CONNECTION) this.#onViolation(`${kept} bytes are kept to be sent again`);
      const isKnown = connection.session.connections.open().includes(connection);
      if (connection.state === 'open' && !isKnown) this.#onViolation('a connection that its session does not know');
      if (connection.state === 'lost') lost.set(connection.session, (lost.get(connection.session) ?? 0) + 1);
    }
    for (const count of lost.values()) {
      if (count > LOST_OF_SESSION) this.#onViolation(`${count} lost connections of one session`);
    }
  }
}

function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}
