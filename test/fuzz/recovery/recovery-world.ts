/**
 * An honest initiator on an unkind line: PDUs are damaged in both directions, connections break at any time. Whatever its
 * ErrorRecoveryLevel, every READ gives what was written last, every WRITE is done, from level 1 on once; and nothing ever hangs.
 */

import { decodeSense, SenseKey, Status } from '../../../src/scsi/index.ts';
import { Target } from '../../../src/target/target.ts';
import { type Random, seededRandom } from '../../support/random.ts';
import { WatchedPortal } from '../portal/watched-portal.ts';
import { randomBytes } from '../random/bytes.ts';
import { randomTerms } from '../random/login.ts';
import { turns } from '../turns.ts';
import { WatchedDevice } from '../watched-device.ts';
import { HonestSession } from './honest-session.ts';
import { BLOCK, type HonestTask, type Work } from './honest-task.ts';
import { UnkindLine } from './unkind-line.ts';

const TARGET = 'iqn.2026-11.internal.test:recovered';
/** Each command has one of so many parts of the disk for itself. */
const PARTS = 24;
/** Turns without an answer after which an initiator looks what is missing, and how often it does so before it despairs. */
const SILENCE = 60;
const NUDGES = 40;

export class RecoveryWorld {
  readonly violations: string[] = [];
  lastInput = '';
  readonly random: Random;
  readonly portal: WatchedPortal;
  readonly #device: WatchedDevice;
  readonly #partBlocks: number;
  /** What the disk holds. */
  readonly #content: Buffer;
  readonly #writes: number[] = new Array<number>(PARTS).fill(0);
  /** How often each part had been written when its WRITE of now began; undefined for parts that nothing is done with. */
  readonly #busy = new Map<number, number>();
  readonly #line: UnkindLine;
  readonly #session: HonestSession;
  /** Turns since anything came, and how often something was done about it. */
  #silence = 0;
  #nudges = 0;
  #progress = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    const { random } = this;
    // Seldom so much at a time that WRITEs wait for room.
    const isBig = random.oneIn(150);
    this.#partBlocks = isBig ? 12_000 : 1 + random.below(200);
    this.#content = Buffer.alloc(PARTS * this.#partBlocks * BLOCK);
    this.#device = new WatchedDevice({
      content: this.#content.length,
      random,
      slow: random.oneIn(2),
      failsOneIn: 0,
      onViolation: this.violation,
      onWrite: (offset) => this.#noteWrite(offset),
    });
    this.portal = new WatchedPortal(random, [this.#target()], this.violation);
    this.#line = new UnkindLine(random, isBig ? 0 : random.pick([0, 6, 20, 60]));
    const place = { targetName: TARGET, isid: '800000000000' };
    this.#session = new HonestSession(this, place, randomTerms(random), this.#line, (task) => this.#done(task));
  }

  readonly violation = (what: string): void => {
    this.violations.push(what);
  };

  #target(): Target {
    return new Target({ name: TARGET, units: new Map([[0, this.#device]]) });
  }

  #noteWrite(offset: number): void {
    const part = Math.floor(offset / (this.#partBlocks * BLOCK));
    this.#writes[part] = (this.#writes[part] ?? 0) + 1;
  }

  async open(): Promise<void> {
    await this.portal.open();
    await this.#session.begin();
  }

  /** Begins commands, breaks a line, or just lets time go by; then some turns pass. */
  async input(): Promise<void> {
    const { random } = this;
    const kind = random.below(20);
    if (kind < 12) this.#start(1 + random.below(4));
    else if (kind === 12) this.#cut();
    else this.lastInput = 'nothing';
    for (let left = 1 + random.below(8); left > 0; left--) await this.#turn();
  }

  #start(count: number): void {
    this.lastInput = `${count} commands`;
    for (let left = count; left > 0; left--) {
      const part = this.random.below(PARTS);
      if (!this.#busy.has(part) && this.#session.canStart) this.#session.start(this.#work(part));
    }
  }

  #work(part: number): Work {
    const { random } = this;
    this.#busy.set(part, this.#writes[part] ?? 0);
    const blocks = 1 + random.below(this.#partBlocks);
    const lba = part * this.#partBlocks + random.below(this.#partBlocks - blocks + 1);
    return { lba, blocks, data: random.oneIn(2) ? randomBytes(random, blocks * BLOCK) : undefined };
  }

  #cut(): void {
    const { open } = this.#session;
    const connection = open[this.random.below(open.length)];
    this.lastInput = `connection ${connection?.wire.cid} breaks`;
    connection?.wire.close();
  }

  async #turn(): Promise<void> {
    this.#session.pump();
    await turns(1);
    this.#session.checkEnds();
    if (this.violations.length > 0) return;
    await this.#session.tend();
    if (this.#session.tasks.length === 0 || this.#session.progress !== this.#progress) {
      this.#progress = this.#session.progress;
      this.#silence = 0;
      this.#nudges = 0;
    }
    this.#silence += 1;
    if (this.#silence < SILENCE) return;
    this.#silence = 0;
    this.#nudges += 1;
    if (this.#nudges > NUDGES)
      this.violation(`${this.#session.tasks.map(describe).join('; ')}: nothing comes any more`);
    this.#session.nudge(this.#nudges);
  }

  #done(task: HonestTask): void {
    const part = Math.floor(task.work.lba / this.#partBlocks);
    if (task.status !== Status.good) {
      if (this.#mayBegAgain(task)) this.#session.start(task.work);
      else
        this.violation(
          `${describe(task)} ended with status ${task.status}: ${Buffer.from(task.sense).toString('hex')}`,
        );
      return;
    }
    if (task.work.data === undefined) this.#checkRead(task);
    else this.#checkWritten(task, part, task.work.data);
    this.#busy.delete(part);
  }

  /** Unit attentions, and data that was damaged where nothing recovers within a command (RFC 7143 §7.8), or is not kept any more. */
  #mayBegAgain({ status, sense }: HonestTask): boolean {
    const decoded = status === Status.checkCondition ? decodeSense(sense) : undefined;
    if (decoded?.key === SenseKey.unitAttention) return true;
    return decoded?.code === 0x4705 || decoded?.code === 0x1113;
  }

  #checkRead(task: HonestTask): void {
    const { lba, blocks } = task.work;
    if (task.result.equals(this.#content.subarray(lba * BLOCK, (lba + blocks) * BLOCK))) return;
    this.violation(`${describe(task)} gave other data`);
  }

  #checkWritten(task: HonestTask, part: number, data: Uint8Array): void {
    const times = (this.#writes[part] ?? 0) - (this.#busy.get(part) ?? 0);
    this.#content.set(data, task.work.lba * BLOCK);
    if (times === 0) this.violation(`${describe(task)} is answered and was not done`);
    if (times > 1 && task.work.again !== true) this.violation(`${describe(task)} was done ${times} times`);
  }

  /** The line becomes kind: everything ends, and the disk holds what was written. */
  async close(): Promise<void> {
    this.#line.isKind = true;
    while (this.#session.tasks.length > 0 && this.violations.length === 0) await this.#turn();
    if (this.violations.length > 0) return;
    await turns(100);
    const medium = Buffer.concat(await this.#device.read(0, this.#device.size));
    if (!medium.equals(this.#content)) this.violation('the disk holds something else than was written');
    this.#session.close();
    await this.portal.close();
  }
}

function describe({ tag, cmdSN, work, connection }: HonestTask): string {
  const what = work.data === undefined ? 'READ' : 'WRITE';
  return `${what} ${tag} (CmdSN ${cmdSN}) of ${work.blocks} blocks at ${work.lba} on connection ${connection.wire.cid}`;
}
