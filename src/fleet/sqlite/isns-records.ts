import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { IsnsRecord, IsnsRecordStore } from '../isns-records.ts';
import { blob, text } from './row.ts';
import type { WriteBatch } from './write-batch.ts';

export class SqliteIsnsRecords implements IsnsRecordStore {
  readonly #batch: WriteBatch;
  readonly #all: StatementSync;
  readonly #save: StatementSync;
  readonly #remove: StatementSync;

  constructor(database: DatabaseSync, batch: WriteBatch) {
    this.#batch = batch;
    this.#all = database.prepare('SELECT * FROM isns_records');
    this.#save = database.prepare('INSERT OR REPLACE INTO isns_records (type, key, record) VALUES (?, ?, ?)');
    this.#remove = database.prepare('DELETE FROM isns_records WHERE type = ? AND key = ?');
  }

  all(): IsnsRecord[] {
    return this.#all
      .all()
      .map((row) => ({ type: text(row, 'type'), key: text(row, 'key'), record: blob(row, 'record') }));
  }

  save(changes: Parameters<IsnsRecordStore['save']>[0]): Promise<void> {
    return this.#batch.durable(() => {
      for (const { type, key, record } of changes) {
        if (record === undefined) this.#remove.run(type, key);
        else this.#save.run(type, key, record);
      }
    });
  }
}
