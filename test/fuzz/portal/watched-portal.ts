/** A portal on a simulated network: what it and its targets themselves call a fault is one, and what they leave behind is a leak. */

import { DisklessError } from '../../../src/bytes/index.ts';
import { LoginStatus } from '../../../src/iscsi/pdu.ts';
import { openDirectory } from '../../../src/target/directory.ts';
import type { TargetEvent } from '../../../src/target/event.ts';
import { Portal } from '../../../src/target/portal.ts';
import type { Target } from '../../../src/target/target.ts';
import type { Random } from '../../support/random.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';
import { ObservedNetwork } from '../observed/network.ts';
import { turns } from '../turns.ts';

export class WatchedPortal {
  readonly clock = new SimulatedClock();
  readonly network: ObservedNetwork;
  readonly targets: readonly Target[];
  readonly #onViolation: (what: string) => void;
  #portal: Portal | undefined;

  /** One in three is on a network that cuts what it carries into pieces. */
  constructor(random: Random, targets: readonly Target[], onViolation: (what: string) => void) {
    this.targets = targets;
    this.#onViolation = onViolation;
    this.network = new ObservedNetwork(random.oneIn(3) ? { cut: (bytes) => pieces(random, bytes) } : {});
  }

  async open(): Promise<void> {
    this.#portal = await Portal.open({
      network: this.network,
      endpoint: { address: '192.0.2.1', port: 3260 },
      clock: this.clock,
      directory: openDirectory(this.targets),
      onEvent: (event) => this.#onEvent(event),
    });
  }

  #onEvent(event: TargetEvent): void {
    if (event.kind === 'session ended' && event.reason === 'internal error') {
      this.#onViolation(`a session ended by an internal error: ${event.error?.stack}`);
    }
    if (event.kind === 'login failed' && event.status === LoginStatus.targetError) {
      this.#onViolation(`a login failed by an internal error: ${event.error.stack}`);
    }
  }

  /** Nothing is left once everybody has gone and the time for recovery is over, nor when the portal has closed. */
  async close(): Promise<void> {
    // Logins that were left open end by themselves; what came of others, not.
    await this.#pass();
    for (const end of this.network.targetEnds) end.leave();
    await this.#pass();
    this.#checkGone();
    // An ill device cannot be flushed, and the portal has to say so.
    const closed = this.#portal?.close().catch((error: unknown) => {
      if (!(error instanceof DisklessError)) throw error;
    });
    await this.#pass();
    await closed;
    for (const target of this.targets) await target.close();
    if (this.clock.pending > 0) this.#onViolation(`${this.clock.pending} timers are left`);
  }

  /** Longer than a login may take, or tasks wait for another connection. */
  async #pass(): Promise<void> {
    for (let step = 0; step < 4; step++) {
      await turns(10);
      this.clock.advance(10_000);
    }
    await turns(60);
  }

  #checkGone(): void {
    const sockets = [...this.network.targetEnds].length;
    if (sockets > 0) this.#onViolation(`${sockets} sockets are left`);
    for (const { sessions, units } of this.targets) {
      if (sessions.size > 0) this.#onViolation(`${sessions.size} sessions are left`);
      for (const unit of units.values()) {
        const tasks = unit.taskSet.tasks().length;
        if (tasks > 0) this.#onViolation(`${tasks} tasks are left at unit ${unit.number}`);
      }
    }
  }
}

/** Cuts bytes into pieces of any size. */
function pieces(random: Random, bytes: Uint8Array): readonly Uint8Array[] {
  const result: Uint8Array[] = [];
  const typical = random.pick([1, 7, 48, 49, 1000]);
  const smallest = Math.ceil(bytes.length / 200);
  for (let at = 0; at < bytes.length; ) {
    const length = Math.max(1, smallest + random.below(typical * 2));
    result.push(bytes.subarray(at, at + length));
    at += length;
  }
  return result;
}
