import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { MacAddress } from '../../bytes/index.ts';
import type { Boot, BootOutcome, BootStep, BootStore } from '../boot.ts';
import { mac, number, oneOf, type Row, text } from './row.ts';
import type { WriteBatch } from './write-batch.ts';

/** Boots kept. At some twenty steps each, a few megabytes. */
export const BOOTS_KEPT = 2000;
/** Steps kept of one boot: a machine that starts over again and again must not fill the disk. */
export const STEPS_KEPT = 200;

export class SqliteBoots implements BootStore {
  readonly #batch: WriteBatch;
  readonly #begin: StatementSync;
  readonly #forget: StatementSync;
  readonly #addStep: StatementSync;
  readonly #finish: StatementSync;
  readonly #latest: StatementSync;
  readonly #latestOfHost: StatementSync;
  readonly #steps: StatementSync;
  readonly #machines: StatementSync;
  /** Machines that have had a boot. Most leases are of machines that have none, and each lease asks for the last boot. */
  #known: Set<string> | undefined;

  constructor(database: DatabaseSync, batch: WriteBatch) {
    this.#batch = batch;
    this.#begin = database.prepare(
      `INSERT INTO boots (id, hardware_address, started, outcome) VALUES (?, ?, ?, 'running')`,
    );
    this.#forget = database.prepare(
      `DELETE FROM boots WHERE number <= (SELECT max(number) FROM boots) - ${BOOTS_KEPT}`,
    );
    this.#addStep = database.prepare(
      `INSERT INTO boot_steps (boot, number, time, stage, text)
       SELECT boots.number, count(boot_steps.number), :time, :stage, :text
       FROM boots LEFT JOIN boot_steps ON boot_steps.boot = boots.number
       WHERE boots.id = :id GROUP BY boots.number HAVING count(boot_steps.number) < ${STEPS_KEPT}`,
    );
    this.#machines = database.prepare('SELECT DISTINCT hardware_address FROM boots');
    this.#finish = database.prepare('UPDATE boots SET outcome = ? WHERE id = ?');
    this.#latest = database.prepare('SELECT * FROM boots ORDER BY number DESC LIMIT ?');
    this.#latestOfHost = database.prepare(
      'SELECT * FROM boots WHERE hardware_address = ? ORDER BY number DESC LIMIT ?',
    );
    this.#steps = database.prepare('SELECT * FROM boot_steps WHERE boot = ? ORDER BY number');
  }

  begin({ id, hardwareAddress, started }: Pick<Boot, 'id' | 'hardwareAddress' | 'started'>): void {
    this.#knownMachines().add(hardwareAddress);
    this.#batch.lazy(() => {
      this.#begin.run(id, hardwareAddress, started);
      this.#forget.run();
    });
  }

  addStep(id: string, { time, stage, text }: BootStep): void {
    this.#batch.lazy(() => this.#addStep.run({ id, time, stage, text }));
  }

  finish(id: string, outcome: BootOutcome): void {
    this.#batch.lazy(() => this.#finish.run(outcome, id));
  }

  latest(limit: number, hardwareAddress?: MacAddress): Boot[] {
    if (hardwareAddress !== undefined && !this.#knownMachines().has(hardwareAddress)) return [];
    const rows =
      hardwareAddress === undefined ? this.#latest.all(limit) : this.#latestOfHost.all(hardwareAddress, limit);
    return rows.map((row) => this.#bootOf(row));
  }

  #knownMachines(): Set<string> {
    this.#known ??= new Set(this.#machines.all().map((row) => text(row, 'hardware_address')));
    return this.#known;
  }

  #bootOf(row: Row): Boot {
    return {
      id: text(row, 'id'),
      hardwareAddress: mac(row, 'hardware_address'),
      started: number(row, 'started'),
      outcome: oneOf(row, 'outcome', ['running', 'up', 'abandoned']),
      steps: this.#steps
        .all(number(row, 'number'))
        .map((step) => ({ time: number(step, 'time'), stage: text(step, 'stage'), text: text(step, 'text') })),
    };
  }
}
