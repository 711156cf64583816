import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { MacAddress } from '../../bytes/index.ts';
import type { RunningMachines } from '../running.ts';
import type { WriteBatch } from './write-batch.ts';

export class SqliteRunningMachines implements RunningMachines {
  readonly #batch: WriteBatch;
  readonly #find: StatementSync;
  readonly #add: StatementSync;
  readonly #remove: StatementSync;

  constructor(database: DatabaseSync, batch: WriteBatch) {
    this.#batch = batch;
    this.#find = database.prepare('SELECT 1 FROM running_machines WHERE hardware_address = ?');
    this.#add = database.prepare('INSERT OR IGNORE INTO running_machines (hardware_address) VALUES (?)');
    this.#remove = database.prepare('DELETE FROM running_machines WHERE hardware_address = ?');
  }

  has(hardwareAddress: MacAddress): boolean {
    return this.#find.get(hardwareAddress) !== undefined;
  }

  add(hardwareAddress: MacAddress): void {
    if (!this.has(hardwareAddress)) this.#batch.lazy(() => this.#add.run(hardwareAddress));
  }

  remove(hardwareAddress: MacAddress): void {
    if (this.has(hardwareAddress)) this.#batch.lazy(() => this.#remove.run(hardwareAddress));
  }
}
