/**
 * Writes that share one commit. A classroom that is switched on at once asks for hundreds of leases in one turn of the loop, and they
 * all become durable together; what comes while the disk is busy with them is the next commit.
 *
 * The loop never waits for the disk: a commit goes into the write-ahead log without a sync, and the log is synced off the loop
 * (see WriteAheadLog). Written rows can be read at once, on the same connection; the promise tells when they are durable. On a full
 * disk a commit fails as a whole, and its rows are gone again.
 */

import type { DatabaseSync } from 'node:sqlite';
import type { DisklessError } from '../../bytes/index.ts';
import type { FileSystem } from '../../os/file.ts';
import { stateError } from './state-error.ts';
import { WriteAheadLog } from './write-ahead-log.ts';

/** At least as long, in milliseconds, from one commit to the next: on a busy server the disk has fewer of them, each with more in it. */
const PAUSE = 5;

/** How long history may wait for company, in milliseconds. */
const SOON = 250;

export class WriteBatch {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #log: WriteAheadLog;
  readonly #onLoss: (error: DisklessError) => void;
  readonly #rollbackListeners: (() => void)[] = [];
  #open = false;
  /** Of those who wait for what is in the open transaction. */
  #waiting: PromiseWithResolvers<void> | undefined;
  /** History is in the open transaction. */
  #hasHistory = false;
  /** Losing history was told, and nothing has become durable since. */
  #isLosing = false;
  #now: NodeJS.Immediate | undefined;
  #next: NodeJS.Timeout | undefined;
  #lastCommit = Number.NEGATIVE_INFINITY;
  #soon: NodeJS.Timeout | undefined;
  /** The sync of the last commit, while the disk is at it. */
  #syncing: Promise<void> | undefined;

  /** `onLoss` hears of history that could not be written: once, until something is written again. */
  constructor(
    database: DatabaseSync,
    path: string,
    files: Pick<FileSystem, 'open'>,
    onLoss: (error: DisklessError) => void,
  ) {
    this.#database = database;
    this.#path = path;
    this.#log = new WriteAheadLog(database, path, files);
    this.#onLoss = onLoss;
  }

  /** Calls `listener` whenever rows that could be read are gone again. */
  onRollback(listener: () => void): void {
    this.#rollbackListeners.push(listener);
  }

  /** Runs `write`; resolves once what it wrote survives a power cut. Rejects with FLEET_NO_SPACE, FLEET_NOT_WRITTEN. */
  durable(write: () => void): Promise<void> {
    try {
      this.#write(write);
    } catch (error) {
      return Promise.reject(stateError(error, 'write', this.#path));
    }
    this.#waiting ??= Promise.withResolvers<void>();
    this.#now ??= setImmediate(() => this.#commitSoon());
    return this.#waiting.promise;
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
    this.#soon ??= setTimeout(() => this.#commitSoon(), SOON);
  }

  /** Writes what is still waiting, and waits until it is durable. */
  async close(): Promise<void> {
    do {
      this.#commit();
      await this.#syncing;
    } while (this.#open || this.#syncing !== undefined);
    await this.#log.close();
  }

  /** What is in the open transaction waits for the sync under way: then it has one commit, and more company. */
  #commitSoon(): void {
    if (this.#syncing !== undefined) return;
    const early = this.#lastCommit + PAUSE - performance.now();
    if (early <= 0) this.#commit();
    else this.#next ??= setTimeout(() => this.#commit(), early);
  }

  #commit(): void {
    const { waiting, hasHistory } = this.#takeBatch();
    this.#lastCommit = performance.now();
    try {
      if (this.#open) this.#database.exec('COMMIT');
      this.#open = false;
      this.#isLosing = false;
    } catch (error) {
      this.#rollBack();
      this.#fail(waiting, hasHistory, error);
      return;
    }
    if (waiting !== undefined) this.#syncing = this.#sync(waiting);
  }

  async #sync({ resolve, reject }: PromiseWithResolvers<void>): Promise<void> {
    try {
      await this.#log.sync();
      resolve();
    } catch (error) {
      reject(stateError(error, 'write', this.#path));
    }
    this.#syncing = undefined;
    if (this.#open) this.#commitSoon();
  }

  #takeBatch(): { waiting: PromiseWithResolvers<void> | undefined; hasHistory: boolean } {
    clearImmediate(this.#now);
    clearTimeout(this.#next);
    clearTimeout(this.#soon);
    this.#now = undefined;
    this.#next = undefined;
    this.#soon = undefined;
    const batch = { waiting: this.#waiting, hasHistory: this.#hasHistory };
    this.#waiting = undefined;
    this.#hasHistory = false;
    return batch;
  }

  #fail(waiting: PromiseWithResolvers<void> | undefined, hasHistory: boolean, cause: unknown): void {
    for (const listener of this.#rollbackListeners) listener();
    const error = stateError(cause, 'write', this.#path);
    waiting?.reject(error);
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
