/**
 * Writes that share one commit. A commit waits for the disk (synchronous=FULL); a classroom that is switched on at once asks for
 * hundreds of leases in one turn of the loop, and they all become durable together.
 *
 * Written rows can be read at once, on the same connection; the promise tells when they are durable.
 */

import type { DatabaseSync } from 'node:sqlite';

/** How long history may wait for company, in milliseconds. */
const SOON = 250;

export class WriteBatch {
  readonly #database: DatabaseSync;
  #open = false;
  #waiting: PromiseWithResolvers<void>[] = [];
  #now: NodeJS.Immediate | undefined;
  #soon: NodeJS.Timeout | undefined;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Runs `write`; resolves once what it wrote survives a power cut. What `write` raises rejects. */
  durable(write: () => void): Promise<void> {
    const done = Promise.withResolvers<void>();
    try {
      this.#write(write);
    } catch (error) {
      done.reject(error);
      return done.promise;
    }
    this.#waiting.push(done);
    this.#now ??= setImmediate(() => this.commit());
    return done.promise;
  }

  /** Runs `write`; it becomes durable within a moment. */
  lazy(write: () => void): void {
    this.#write(write);
    this.#soon ??= setTimeout(() => this.commit(), SOON);
  }

  commit(): void {
    clearImmediate(this.#now);
    clearTimeout(this.#soon);
    this.#now = undefined;
    this.#soon = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    try {
      if (this.#open) this.#database.exec('COMMIT');
      this.#open = false;
      for (const { resolve } of waiting) resolve();
    } catch (error) {
      this.#rollBack();
      for (const { reject } of waiting) reject(error);
    }
  }

  #write(write: () => void): void {
    if (!this.#open) this.#database.exec('BEGIN IMMEDIATE');
    this.#open = true;
    write();
  }

  #rollBack(): void {
    this.#open = false;
    if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
  }
}
