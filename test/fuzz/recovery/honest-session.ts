/**
 * A session of an honest initiator, which does what RFC 7143 §7 says of its ErrorRecoveryLevel: level 0 begins a new session when
 * anything is lost, level 1 has PDUs sent again, level 2 goes on with another connection.
 */

import { serialAdd, serialLess } from '../../../src/bytes/index.ts';
import { Opcode } from '../../../src/iscsi/opcode.ts';
import { RejectReason } from '../../../src/iscsi/pdu.ts';
import { ObservedSession } from '../observed/session.ts';
import { connect, logIn, type Place, type Scene } from '../portal/log-in.ts';
import type { SessionTerms } from '../random/login.ts';
import { ConnectionRecovery } from './connection-recovery.ts';
import { HonestConnection } from './honest-connection.ts';
import { HonestTask, type Work } from './honest-task.ts';
import type { UnkindLine } from './unkind-line.ts';

/** The commands that it has under way at most. */
const MOST_TASKS = 24;

export class HonestSession {
  readonly scene: Scene;
  readonly terms: SessionTerms;
  readonly #place: Place;
  readonly #line: UnkindLine;
  readonly #onDone: (task: HonestTask) => void;
  readonly #recovery = new ConnectionRecovery(this);
  readonly #tasks = new Map<number, HonestTask>();
  connections: HonestConnection[] = [];
  #wire: ObservedSession;
  #lastTag = 0;
  #hasGivenUp = false;
  cmdSN = 0;
  /** Grows with everything that comes but answers to pings, and with everything that goes out in its turn. */
  progress = 0;

  /** `onDone` hears of every task that has its answer, whatever that is. */
  constructor(scene: Scene, place: Place, terms: SessionTerms, line: UnkindLine, onDone: (task: HonestTask) => void) {
    this.scene = scene;
    this.#place = place;
    this.terms = terms;
    this.#line = line;
    this.#onDone = onDone;
    this.#wire = this.#newWire();
  }

  #newWire(): ObservedSession {
    return new ObservedSession('honest', this.terms, this.scene.violation);
  }

  get errorRecoveryLevel(): number {
    return this.terms.errorRecoveryLevel;
  }

  /** The CmdSN that the target waits for, as far as is known. */
  get expCmdSN(): number {
    return this.#wire.expCmdSN;
  }

  get open(): readonly HonestConnection[] {
    return this.connections.filter(({ isOpen }) => isOpen);
  }

  get tasks(): readonly HonestTask[] {
    return [...this.#tasks.values()];
  }

  findTask(tag: number): HonestTask | undefined {
    return this.#tasks.get(tag);
  }

  newTag(): number {
    this.#lastTag += 1;
    return this.#lastTag;
  }

  async begin(): Promise<void> {
    this.#wire = this.#newWire();
    this.connections = [];
    this.#hasGivenUp = false;
    for (let cid = 1; cid <= this.terms.maxConnections; cid++) {
      await this.connect(cid);
      if (this.scene.random.oneIn(2)) break;
    }
    this.cmdSN = this.#wire.expCmdSN;
  }

  async connect(cid: number): Promise<HonestConnection> {
    const { scene } = this;
    const wire = connect(scene, this.#wire, cid);
    const connection = new HonestConnection(this, wire, this.#line, scene.random);
    await logIn(scene, wire, this.#place);
    if (wire.phase === 'full feature') this.connections.push(connection);
    return connection;
  }

  /** Something is lost that cannot be had again in this session. */
  giveUp(): void {
    this.#hasGivenUp = true;
  }

  get canStart(): boolean {
    return this.open.length > 0 && this.#tasks.size < MOST_TASKS && this.#wire.room > MOST_TASKS;
  }

  /** Begins a command on any connection. */
  start(work: Work): void {
    const { random } = this.scene;
    const connection = this.open[random.below(this.open.length)];
    if (connection === undefined) throw new Error('no connection is open');
    const { initialR2T, immediateData: immediate, firstBurstLength } = this.terms;
    const segment = Math.max(random.pick([65_536, 4096, 1024, 512]), work.blocks);
    const first = { immediate, unsolicited: !initialR2T && random.oneIn(2), firstBurstLength, segment };
    const attribute = random.pick([1, 1, 1, 1, 1, 2, 3]);
    const task = new HonestTask(work, this.newTag(), this.cmdSN, attribute, connection, first);
    this.cmdSN = serialAdd(this.cmdSN, 1);
    this.#tasks.set(task.tag, task);
    this.sendAgain(task);
  }

  /** Sends a command, for the first time or because it did not arrive: with the same CmdSN and tag (RFC 7143 §7.2.1). */
  sendAgain(task: HonestTask): void {
    task.connection.queue(task.opening(task.connection.expStatSN));
  }

  /** Whether the target is known to have taken a command in its turn. */
  isDelivered(task: HonestTask): boolean {
    return serialLess(task.cmdSN, this.expCmdSN);
  }

  done(task: HonestTask): void {
    this.#tasks.delete(task.tag);
    this.#onDone(task);
  }

  /** A response that is none to a command. */
  answered(tag: number, response: number): void {
    this.#recovery.answered(tag, response);
  }

  rejected(reason: number, opcode: number, tag: number): void {
    if (reason !== RejectReason.dataDigestError) {
      this.scene.violation(`opcode ${opcode.toString(16)}h of an honest initiator was rejected with reason ${reason}`);
      return;
    }
    const task = opcode === Opcode.scsiCommand ? this.#tasks.get(tag) : undefined;
    if (task !== undefined && this.errorRecoveryLevel > 0) this.sendAgain(task);
  }

  pump(): void {
    for (const connection of this.open) if (connection.pump()) this.progress += 1;
  }

  /** Sees to what was lost. */
  async tend(): Promise<void> {
    const isLost = this.connections.some(({ isOpen }) => !isOpen) || this.open.length === 0;
    if (this.#hasGivenUp || (isLost && this.errorRecoveryLevel < 2)) await this.#restart();
    else if (isLost) await this.#recovery.recover();
  }

  /** Session recovery (RFC 7143 §7.1.4.4): everything anew. */
  async #restart(): Promise<void> {
    for (const { wire } of this.connections) wire.close();
    const works = this.tasks.map(({ work }) => work);
    this.#tasks.clear();
    await this.begin();
    for (const work of works) this.start({ ...work, again: true });
  }

  /** Nothing has come for long: asks what is missing, and then for it. */
  nudge(round: number): void {
    for (const connection of this.open) connection.ping();
    if (round % 2 === 0) return;
    for (const task of this.#tasks.values()) {
      if (!task.connection.isOpen || !task.connection.isIdle) continue;
      if (this.isDelivered(task)) task.connection.demandAgain(task);
      else this.sendAgain(task);
    }
  }

  /** What is wrong with how the target has treated it. */
  checkEnds(): void {
    for (const connection of this.#wire.connections) {
      if (connection.isEndedWithoutReason) this.scene.violation(`${connection.name} was ended without a reason`);
    }
  }

  close(): void {
    this.#wire.close();
  }
}
