/**
 * A portal with two targets. Two initiator ports attack the one and share its units; a bystander uses the other. After every input the
 * invariants are checked: the attackers still get answers or have been dropped with a reason, and the bystander has noticed nothing.
 */

import { type Random, seededRandom } from '../../support/random.ts';
import { WatchedPortal } from '../portal/watched-portal.ts';
import type { RandomPdu } from '../random/request.ts';
import { turns, until } from '../turns.ts';
import type { Arena, Position } from './arena.ts';
import { attackedTarget, DISK_BYTES, quietTarget } from './attacked-target.ts';
import { Attacker } from './attacker.ts';
import { pickAttack } from './attacks/index.ts';
import { Bounds } from './bounds.ts';
import { Bystander } from './bystander.ts';
import { completePdu, ping, testUnitReady } from './probes.ts';

/** Turns in which everything is over but a Response Fence, and the milliseconds after which that is given up. */
const FENCE_PATIENCE = 400;
const FENCE_TIMEOUT = 10_000;

/** Waits of that length that can come one after the other: for commands that are missing, and at the fences of two answers. */
const WAITS = 4;

export class TargetWorld implements Arena {
  readonly violations: string[] = [];
  /** What was done last, for people. */
  lastInput = '';
  readonly random: Random;
  readonly portal: WatchedPortal;
  readonly attackers: readonly Attacker[];
  readonly #bystander: Bystander;
  readonly #bounds: Bounds;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    const content = Buffer.alloc(DISK_BYTES, `the bystander's own data of ${seed}; `);
    const attacked = attackedTarget(this.random, this.violation);
    const quiet = quietTarget(this.random, content, this.violation);
    this.portal = new WatchedPortal(this.random, [attacked, quiet], this.violation);
    this.#bounds = new Bounds(attacked, this.portal.network, this.violation);
    this.#bystander = new Bystander(this.random, content, this.violation);
    this.attackers = [0, 1].map((index) => new Attacker(index, this));
  }

  readonly violation = (what: string): void => {
    this.violations.push(what);
  };

  note(what: string): void {
    this.lastInput = what;
  }

  checkBounds(): void {
    this.#bounds.check();
  }

  async open(): Promise<void> {
    await this.portal.open();
    await this.#bystander.open(this);
  }

  /** Does one thing to the target, and looks whether everything still holds. */
  async input(): Promise<void> {
    const attacker = this.random.pick([this.attackers[0], this.attackers[1]]);
    if (attacker === undefined) return;
    const position = await attacker.position(this);
    const sent = await pickAttack(this.random)(this, position);
    await this.#check(position, sent);
  }

  /** Every connection answers, or is no more; the bystander has its own data. */
  async #check({ attacker, connection }: Position, sent: RandomPdu | undefined): Promise<void> {
    const { random } = this;
    const honest = this.#bystander.begin();
    const sound = attacker.session.open.filter((each) => completePdu(each));
    const probes = sound.flatMap((each) => [ping(random, each), testUnitReady(random, each)]);
    const isDone = await this.#settled(() => honest.done() && probes.every((probe) => probe.done()));
    honest.check();
    for (const probe of probes) {
      const wrong = probe.verdict();
      if (wrong !== undefined) this.violation(wrong);
    }
    if (sent?.rejectedFor !== undefined && sound.includes(connection) && isDone) {
      const reason = connection.rejection(sent.header);
      const wasSeen = !connection.closed || reason !== undefined;
      if (wasSeen && reason !== sent.rejectedFor) {
        this.violation(`${sent.kind} was rejected with reason ${reason}, not ${sent.rejectedFor}`);
      }
    }
    this.#checkEnds();
    this.checkBounds();
  }

  /** Where a Response Fence waits for acknowledgements that do not come, it is time that ends it (RFC 7143 §4.2.2.3). */
  async #settled(done: () => boolean): Promise<boolean> {
    for (let wait = 0; wait < WAITS; wait++) {
      if (await until(done, FENCE_PATIENCE)) return true;
      this.portal.clock.advance(FENCE_TIMEOUT);
    }
    return until(done);
  }

  /** Nobody is dropped who gave no reason. */
  #checkEnds(): void {
    const sessions = this.attackers.map(({ session }) => session);
    const mayReset = sessions.some(({ mayEndOthers }) => mayEndOthers);
    for (const session of sessions) {
      session.mayEnd ||= mayReset;
      for (const connection of session.connections) {
        if (connection.isEndedWithoutReason) this.violation(`${connection.name} was ended without a reason`);
      }
    }
  }

  /** Ends everything; what then is left is a leak. */
  async close(): Promise<void> {
    for (const { session } of this.attackers) session.close();
    this.#bystander.close();
    await turns(40);
    await this.portal.close();
  }
}
