/**
 * A portal with two targets. Two sessions attack the one and share its units; a bystander reads the other. After every input the
 * invariants are checked: the attackers still get answers or have been dropped, and the bystander has noticed nothing.
 */

import { DisklessError } from '../../src/bytes/index.ts';
import { Opcode, RESERVED_TAG } from '../../src/iscsi/opcode.ts';
import { BasicHeader, DataIn, LoginStatus, NopOut, RejectReason, ScsiCommand } from '../../src/iscsi/pdu.ts';
import { encodeLun } from '../../src/scsi/index.ts';
import { openDirectory } from '../../src/target/directory.ts';
import type { TargetEvent } from '../../src/target/event.ts';
import { Portal } from '../../src/target/portal.ts';
import { Target } from '../../src/target/target.ts';
import { type Random, seededRandom } from '../support/random.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { ObservedNetwork } from './observed-network.ts';
import { ObservedSession } from './observed-session.ts';
import { damaged, randomBytes } from './random-bytes.ts';
import { UNIT_BLOCKS } from './random-command.ts';
import { type LoginSubject, soundLogin, unsoundLogin } from './random-login.ts';
import { type RandomPdu, randomPdu } from './random-pdu.ts';
import { turns, WatchedDevice } from './watched-device.ts';

const ATTACKED = 'iqn.2026-11.internal.test:attacked';
const QUIET = 'iqn.2026-11.internal.test:quiet';
const DISK = UNIT_BLOCKS * 512;
/** A target may queue so much for one initiator that does not read: its socket's window and the reads under way. */
const QUEUE_BOUND = 40 << 20;
/** Tasks of two sessions at a time: a window each, and some immediate ones. */
const TASK_BOUND = 2 * (128 + 32);
/** Turns of the event loop in which everything here is over. */
const PATIENCE = 2000;

export class TargetWorld {
  readonly violations: string[] = [];
  /** What was done last, for people. */
  lastInput = '';
  readonly #random: Random;
  readonly #clock = new SimulatedClock();
  readonly #network: ObservedNetwork;
  readonly #content: Buffer;
  readonly #target: Target;
  readonly #portal: Promise<Portal>;
  #attackers: ObservedSession[] = [];
  #bystander: ObservedSession | undefined;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    const random = this.#random;
    this.#network = new ObservedNetwork(random.oneIn(3) ? { cut: (bytes) => pieces(random, bytes) } : {});
    this.#content = Buffer.alloc(DISK, `the bystander's own data of ${seed}; `);
    this.#target = new Target({
      name: ATTACKED,
      units: new Map([
        [0, this.#device(DISK, random.oneIn(2), random.oneIn(4) ? 20 : 0)],
        [1, this.#device(DISK, random.oneIn(2), 0)],
      ]),
    });
    const quiet = new Target({ name: QUIET, units: new Map([[0, this.#device(this.#content, true, 0)]]) });
    this.#portal = Portal.open({
      network: this.#network,
      endpoint: { address: '192.0.2.1', port: 3260 },
      clock: this.#clock,
      directory: openDirectory([this.#target, quiet]),
      onEvent: (event) => this.#onEvent(event),
    });
  }

  #device(content: Uint8Array | number, slow: boolean, failsOneIn: number): WatchedDevice {
    const onViolation = (what: string): void => this.#violation(what);
    return new WatchedDevice({ content, random: this.#random, slow, failsOneIn, onViolation });
  }

  #violation(what: string): void {
    this.violations.push(what);
  }

  /** What the target itself calls its own fault is one. */
  #onEvent(event: TargetEvent): void {
    if (event.kind === 'session ended' && event.reason === 'internal error') {
      this.#violation(`a session ended by an internal error: ${event.error?.stack}`);
    }
    if (event.kind === 'login failed' && event.status === LoginStatus.targetError) {
      this.#violation(`a login failed by an internal error: ${event.error.stack}`);
    }
  }

  async open(): Promise<void> {
    await this.#portal;
    this.#bystander = await this.#logIn('bystander', { targetName: QUIET, isid: '800000000003' });
    this.#attackers = [await this.#attacker(0), await this.#attacker(1)];
  }

  #attacker(index: number): Promise<ObservedSession> {
    return this.#logIn(`attacker ${index}`, { targetName: ATTACKED, isid: `80000000000${index}` });
  }

  async #logIn(name: string, subject: Pick<LoginSubject, 'targetName' | 'isid'>): Promise<ObservedSession> {
    const session = this.#connect(name);
    const cmdSN = this.#random.pick([1, 0, 0xffff_fff0, 0x7fff_fff0]);
    const initiatorName = 'iqn.2026-11.internal.test:initiator';
    for (const pdu of soundLogin({ ...subject, initiatorName, digests: this.#random.oneIn(4) }, cmdSN)) {
      session.write(session.pduBytes(...pdu));
      const before = session.statSN;
      await this.#until(() => session.statSN !== before || session.closed);
    }
    if (session.phase !== 'full feature') this.#violation(`${name} cannot log in: ${session.loginStatus.toString(16)}`);
    return session;
  }

  #connect(name: string): ObservedSession {
    return new ObservedSession(name, this.#network.connect(), (what) => this.#violation(what));
  }

  async #until(done: () => boolean): Promise<boolean> {
    for (let turn = 0; turn < PATIENCE; turn++) {
      if (done()) return true;
      await turns(1);
    }
    return done();
  }

  /** Does one thing to the target, and looks whether everything still holds. */
  async input(): Promise<void> {
    const random = this.#random;
    const index = random.below(2);
    let attacker = this.#attackers[index];
    if (attacker === undefined || attacker.closed) {
      attacker = await this.#attacker(index);
      this.#attackers[index] = attacker;
    }
    const kind = random.below(2000);
    let sent: RandomPdu | undefined;
    if (kind < 60) await this.#attackLogin();
    else if (kind < 80) this.#passTime();
    else if (kind < 81) await this.#flood(attacker, true);
    else if (kind < 82) await this.#flood(attacker, false);
    else if (kind < 120) this.#cut(attacker);
    else sent = this.#attack(attacker, kind < 1500);
    await this.#check(attacker, sent);
  }

  /** Sends one random PDU, as it is or damaged. Gives it when its fate is certain. */
  #attack(attacker: ObservedSession, whole: boolean): RandomPdu | undefined {
    const pdu = randomPdu(this.#random, attacker);
    const bytes = attacker.pduBytes(pdu.header, pdu.data);
    this.lastInput = `${attacker.name}: ${pdu.kind} ${Buffer.from(pdu.header).toString('hex')} + ${pdu.data.length}`;
    if (whole) {
      attacker.write(bytes);
      return pdu.data.length <= 8192 ? pdu : undefined;
    }
    const changed = damaged(this.#random, bytes);
    this.lastInput += ` damaged: ${changed.subarray(0, 64).toString('hex')}`;
    attacker.write(changed);
    return undefined;
  }

  async #attackLogin(): Promise<void> {
    this.lastInput = 'a login';
    const session = this.#connect('login');
    const isid = this.#random.pick(['800000000000', '800000000001', '800000000007']);
    const initiatorName = 'iqn.2026-11.internal.test:initiator';
    const subject = { initiatorName, targetName: ATTACKED, isid, digests: this.#random.oneIn(2) };
    for (const [header, data] of unsoundLogin(this.#random, subject)) {
      session.write(session.pduBytes(header, data));
      await turns(this.#random.below(6));
    }
    await turns(6);
    // Some are left to their own devices: the login's time limit ends them.
    if (this.#random.below(8) > 0) session.close();
  }

  #passTime(): void {
    this.lastInput = 'time';
    this.#clock.advance(10_000);
  }

  /** Asks for much and takes nothing, or announces much and sends nothing. */
  async #flood(attacker: ObservedSession, reads: boolean): Promise<void> {
    this.lastInput = `${attacker.name}: a flood of ${reads ? 'reads' : 'writes'}`;
    attacker.stall();
    for (let count = 0; count < 300 && attacker.missing === 0 && !attacker.closed; count++) {
      const header = ScsiCommand.encode({
        opcode: Opcode.scsiCommand,
        immediate: this.#random.below(3) > 0,
        final: reads,
        read: reads,
        write: !reads,
        attribute: 1,
        lun: encodeLun(0),
        initiatorTaskTag: 0xe000_0000 + count,
        expectedDataTransferLength: DISK,
        cmdSN: (attacker.expCmdSN + count) >>> 0,
        cdb: Uint8Array.of(reads ? 0x28 : 0x2a, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0),
      });
      attacker.write(attacker.pduBytes(header));
    }
    await turns(40);
    this.#checkBounds();
    attacker.resume();
  }

  #checkBounds(): void {
    const { mostQueued } = this.#network;
    if (mostQueued > QUEUE_BOUND) this.#violation(`${mostQueued} bytes are queued for an initiator that does not read`);
    for (const unit of this.#target.units.values()) {
      const tasks = unit.taskSet.tasks().length;
      if (tasks > TASK_BOUND) this.#violation(`${tasks} tasks at unit ${unit.number}`);
    }
  }

  #cut(attacker: ObservedSession): void {
    this.lastInput = `${attacker.name}: cut`;
    if (this.#random.oneIn(2) && attacker.missing === 0) {
      attacker.write(randomBytes(this.#random, 1 + this.#random.below(47)));
    }
    attacker.close();
  }

  /** Every session answers, or is no more; the bystander reads its own data. */
  async #check(attacker: ObservedSession, sent: RandomPdu | undefined): Promise<void> {
    const read = this.#readByBystander();
    const complete = this.#completePdu(attacker);
    const ping = complete ? this.#ping(attacker) : undefined;
    const ready = complete ? this.#testUnitReady(attacker) : undefined;
    const answered = await this.#until(
      () => read.done() && (attacker.closed || ((ping?.done() ?? true) && (ready?.done() ?? true))),
    );
    read.check();
    if (!answered && !attacker.closed) {
      if (ping?.done() === false) this.#violation(`${attacker.name} gets no answer to a ping, and is not dropped`);
      if (ready?.done() === false) this.#violation(`${attacker.name} gets no answer to TEST UNIT READY`);
    }
    if (sent?.rejectedFor !== undefined && complete && answered) {
      const reason = attacker.rejection(sent.header);
      const wasSeen = !attacker.closed || reason !== undefined;
      if (wasSeen && reason !== sent.rejectedFor) {
        this.#violation(`${sent.kind} was rejected with reason ${reason}, not ${sent.rejectedFor}`);
      }
    }
    ping?.forget();
    ready?.forget();
  }

  /** Fills up a PDU that has begun, so that what follows is one of its own. False when that cannot be. */
  #completePdu(attacker: ObservedSession): boolean {
    for (let rounds = 0; attacker.missing > 0 && rounds < 4; rounds++) {
      if (attacker.missing > 1 << 20) {
        attacker.close();
        return false;
      }
      attacker.write(Buffer.alloc(attacker.missing));
    }
    return attacker.missing === 0 && !attacker.closed;
  }

  #ping(session: ObservedSession): Probe {
    const tag = session.probeTag();
    const data = randomBytes(this.#random, 8);
    session.keep(tag);
    const header = NopOut.encode({
      opcode: Opcode.nopOut,
      immediate: true,
      final: true,
      initiatorTaskTag: tag,
      targetTransferTag: RESERVED_TAG,
      cmdSN: session.expCmdSN,
    });
    session.write(session.pduBytes(header, data));
    return {
      done: () => {
        const [answer] = session.taken(tag);
        if (answer !== undefined && !Buffer.concat(answer.data).equals(data)) {
          this.#violation(`${session.name}: a ping came back with other data`);
        }
        return answer !== undefined || session.rejection(header) === RejectReason.immediateCommandReject;
      },
      forget: () => session.forget(tag),
    };
  }

  /** Ahead of the queue and beside the window: other tasks, which may wait for data for ever, do not hold it back. */
  #testUnitReady(session: ObservedSession): Probe {
    const tag = session.probeTag();
    session.keep(tag);
    const header = ScsiCommand.encode({
      opcode: Opcode.scsiCommand,
      immediate: true,
      final: true,
      attribute: 3,
      lun: encodeLun(this.#random.below(2)),
      initiatorTaskTag: tag,
      cmdSN: session.expCmdSN,
      cdb: new Uint8Array(16),
    });
    session.write(session.pduBytes(header));
    return {
      done: () => session.taken(tag).length > 0 || session.rejection(header) === RejectReason.immediateCommandReject,
      forget: () => session.forget(tag),
    };
  }

  #readByBystander(): Probe & { check(): void } {
    const session = this.#bystander;
    if (session === undefined) throw new Error('the world is not open');
    const tag = session.probeTag();
    const lba = this.#random.below(DISK / 512 - 8);
    const cdb = Buffer.alloc(16);
    cdb[0] = 0x28;
    cdb.writeUInt32BE(lba, 2);
    cdb[8] = 1 + this.#random.below(8);
    const length = (cdb[8] ?? 0) * 512;
    session.keep(tag);
    const header = ScsiCommand.encode({
      opcode: Opcode.scsiCommand,
      final: true,
      read: true,
      attribute: 1,
      lun: encodeLun(0),
      initiatorTaskTag: tag,
      expectedDataTransferLength: length,
      cmdSN: session.expCmdSN,
      cdb,
    });
    session.write(session.pduBytes(header));
    const done = (): boolean => {
      const last = session.taken(tag).at(-1);
      if (last === undefined) return false;
      return BasicHeader.view(last.header).opcode !== Opcode.dataIn || DataIn.view(last.header).hasStatus;
    };
    return {
      done: () => done() || session.closed,
      check: () => {
        const data = Buffer.concat(session.taken(tag).flatMap((pdu) => pdu.data));
        if (session.closed) this.#violation('the bystander was dropped');
        else if (!data.equals(this.#content.subarray(lba * 512, lba * 512 + length))) {
          this.#violation(`the bystander asked for ${length} bytes at block ${lba} and got ${data.length} others`);
        }
        session.forget(tag);
      },
      forget: () => session.forget(tag),
    };
  }

  /** Ends everything; what then is left is a leak. */
  async close(): Promise<void> {
    const portal = await this.#portal;
    for (const session of this.#attackers) session.close();
    this.#bystander?.close();
    await turns(40);
    // An ill device cannot be flushed, and the portal has to say so.
    const closed = portal.close().catch((error: unknown) => {
      if (!(error instanceof DisklessError)) throw error;
    });
    // Logins that were left open end here at the latest.
    for (let step = 0; step < 4; step++) {
      await turns(8);
      this.#clock.advance(10_000);
    }
    await closed;
    if (this.#target.sessions.size > 0) this.#violation(`${this.#target.sessions.size} sessions are left`);
    for (const unit of this.#target.units.values()) {
      const left = unit.taskSet.tasks().length;
      if (left > 0) this.#violation(`${left} tasks are left at unit ${unit.number}`);
    }
    if (this.#clock.pending > 0) this.#violation(`${this.#clock.pending} timers are left`);
  }
}

interface Probe {
  done(): boolean;
  forget(): void;
}

/** Cuts bytes into pieces of any size. */
function pieces(random: Random, bytes: Uint8Array): readonly Uint8Array[] {
  const result: Uint8Array[] = [];
  const typical = random.pick([1, 7, 48, 49, 1000]);
  const smallest = Math.ceil(bytes.length / 200);
  for (let at = 0; at < bytes.length; ) {
    const length = smallest + random.below(typical * 2);
    result.push(bytes.subarray(at, at + Math.max(1, length)));
    at += Math.max(1, length);
  }
  return result;
}
