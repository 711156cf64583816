/** What happened in a boot, stage by stage, with times: told to a listener as it happens, and kept as one document. */

import { DisklessError } from '../bytes/index.ts';
import type { Clock } from '../os/clock.ts';
import type { StageName } from './plan.ts';

/** Plain values only, so that a trace can be written as JSON as it is. */
export type Fact = string | number | boolean | readonly Fact[] | { readonly [name: string]: Fact | undefined };
export type Facts = Readonly<Record<string, Fact | undefined>>;

export interface TraceEvent {
  readonly stage: StageName;
  readonly kind: 'skipped' | 'started' | 'step' | 'done' | 'failed';
  /** Milliseconds since the boot began. */
  readonly at: number;
  /** One line for people. */
  readonly text: string;
  readonly facts?: Facts;
}

export interface StageRecord {
  readonly stage: StageName;
  readonly outcome: 'skipped' | 'done' | 'failed';
  /** Milliseconds since the boot began. */
  readonly startedAt: number;
  /** Milliseconds. */
  readonly duration: number;
  /** Why it was, or was not, necessary. */
  readonly reason: string;
  readonly steps: readonly { readonly at: number; readonly text: string; readonly facts?: Facts }[];
  readonly learned: Facts;
  readonly error?: ErrorRecord;
}

export interface ErrorRecord {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

/** What a stage reports while it runs. */
export interface StageTrace {
  step(text: string, facts?: Facts): void;
}

export class BootTrace {
  readonly #clock: Clock;
  readonly #listener: (event: TraceEvent) => void;
  readonly #startedAt: number;
  readonly #stages: StageRecord[] = [];

  constructor(clock: Clock, listener: (event: TraceEvent) => void) {
    this.#clock = clock;
    this.#listener = listener;
    this.#startedAt = clock.monotonic();
  }

  /** Milliseconds since the boot began, to the microsecond. */
  get elapsed(): number {
    return Math.round((this.#clock.monotonic() - this.#startedAt) * 1000) / 1000;
  }

  get stages(): readonly StageRecord[] {
    return this.#stages;
  }

  skip(stage: StageName, reason: string): void {
    const at = this.elapsed;
    this.#stages.push({ stage, outcome: 'skipped', startedAt: at, duration: 0, reason, steps: [], learned: {} });
    this.#listener({ stage, kind: 'skipped', at, text: `skipped: ${reason}` });
  }

  /** Decides about a stage; when that fails, the stage counts as failed. */
  decide<T>(stage: StageName, decision: () => T): T {
    try {
      return decision();
    } catch (error) {
      const at = this.elapsed;
      const failure = errorRecord(error);
      const record = { stage, startedAt: at, duration: 0, reason: failure.message, steps: [], learned: {} };
      this.#stages.push({ ...record, outcome: 'failed', error: failure });
      this.#listener({ stage, kind: 'failed', at, text: `${failure.message} (${failure.code})` });
      throw error;
    }
  }

  /** Runs a stage. `learned` says in one line, and as facts, what it found out. */
  async run<T>(
    stage: StageName,
    reason: string,
    work: (trace: StageTrace) => Promise<T>,
    learned: (result: T) => { readonly text: string; readonly facts: Facts },
  ): Promise<T> {
    const startedAt = this.elapsed;
    this.#listener({ stage, kind: 'started', at: startedAt, text: reason });
    const steps: { at: number; text: string; facts?: Facts }[] = [];
    const step = (text: string, facts?: Facts) => {
      const happened = { at: this.elapsed, text, ...(facts === undefined ? {} : { facts }) };
      steps.push(happened);
      this.#listener({ stage, kind: 'step', ...happened });
    };
    const record = () => ({
      stage,
      startedAt,
      duration: Math.round((this.elapsed - startedAt) * 1000) / 1000,
      reason,
      steps,
    });
    try {
      const result = await work({ step });
      const { text, facts } = learned(result);
      this.#stages.push({ ...record(), outcome: 'done', learned: facts });
      this.#listener({ stage, kind: 'done', at: this.elapsed, text, facts });
      return result;
    } catch (error) {
      const failure = errorRecord(error);
      this.#stages.push({ ...record(), outcome: 'failed', learned: {}, error: failure });
      this.#listener({ stage, kind: 'failed', at: this.elapsed, text: `${failure.message} (${failure.code})` });
      throw error;
    }
  }
}

export function errorRecord(error: unknown): ErrorRecord {
  if (!(error instanceof DisklessError)) return { code: 'INTERNAL', message: String(error) };
  const { code, message, hint } = error;
  return { code, message, ...(hint === undefined ? {} : { hint }) };
}
