/**
 * Writes that share one commit. A commit waits for the disk (synchronous=FULL); a classroom that is switched on at once asks for
 * hundreds of leases in one turn of the loop, and they all become durable together.
 *
 * Written rows can be read at once, on the same connection; the promise tells when they are durable. On a full disk a commit fails
 * as a whole, and its rows are gone again.
 */

import type { DatabaseSync } from 'node:sqlite';
import type { DisklessError } from '../../bytes/index.ts';
import { stateError } from './state-error.ts';

/** How long history may wait for company, in milliseconds. */
const SOON = 250;

export class WriteBatch {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #onLoss: (error: DisklessError) => void;
  #open = false;
  #waiting: PromiseWithResolvers<void>[] = [];
  /** History is in the open transaction. */
  #hasHistory = false;
  /** Losing history was told, and nothing has become durable since. */
  #isLosing = false;
  #now: NodeJS.Immediate | undefined;
  #soon: NodeJS.Timeout | undefined;

  /** `onLoss` hears of history that could not be written: once, until something is written again. */
  constructor(database: DatabaseSync, path: string, onLoss: (error: DisklessError) => void) {
    this.#database = database;
    this.#path = path;
    this.#onLoss = onLoss;
  }

  /** Runs `write`; resolves once what it wrote survives a power cut. Rejects with FLEET_NO_SPACE, FLEET_NOT_WRITTEN. */
  durable(write: () => void): Promise<void> {
    const done = Promise.withResolvers<void>();
    try {
      this.#write(write);
    } catch (error) {
      done.reject(stateError(error, 'write', this.#path));
      return done.promise;
    }
    this.#waiting.push(done);
    this.#now ??= setImmediate(() => this.commit());
    return done.promise;
  }

  /** Runs `write`; it becomes durable within a moment. Never raises: nobody's boot may fail for want of a line of history. */
  lazy(write: () => void): void {
    try {
      this.#write(write);
    } catch (error) {
      this.#lose(stateError(error, 'write', this.#path));
      return;
    }
    this.#hasHistory = true;
    this.#soon ??= setTimeout(() => this.commit(), SOON);
  }

  commit(): void {
    const { waiting, hasHistory } = this.#takeBatch();
    try {
      if (this.#open) this.#database.exec('COMMIT');
      this.#open = false;
      this.#isLosing = false;
      for (const { resolve } of waiting) resolve();
    } catch (error) {
      this.#rollBack();
      this.#fail(waiting, hasHistory, error);
    }
  }

  #takeBatch(): { waiting: PromiseWithResolvers<void>[]; hasHistory: boolean } {
    clearImmediate(this.#now);
    clearTimeout(this.#soon);
    this.#now = undefined;
    this.#soon = undefined;
    const batch = { waiting: this.#waiting, hasHistory: this.#hasHistory };
    this.#waiting = [];
    this.#hasHistory = false;
    return batch;
  }

  #fail(waiting: readonly PromiseWithResolvers<void>[], hasHistory: boolean, cause: unknown): void {
    const error = stateError(cause, 'write', this.#path);
    for (const { reject } of waiting) reject(error);
    if (hasHistory) this.#lose(error);
  }

  #lose(error: DisklessError): void {
    if (!this.#isLosing) this.#onLoss(error);
    this.#isLosing = true;
  }

  #write(write: () => void): void {
    if (!this.#open) this.#database.exec('BEGIN IMMEDIATE');
    this.#open = true;
    try {
      write();
    } catch (error) {
      // SQLite may have given up the whole transaction, and with it what others wait for.
      if (!this.#database.isTransaction) {
        this.#open = false;
        const { waiting, hasHistory } = this.#takeBatch();
        this.#fail(waiting, hasHistory, error);
      }
      throw error;
    }
  }

  #rollBack(): void {
    this.#open = false;
    if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
  }
}
