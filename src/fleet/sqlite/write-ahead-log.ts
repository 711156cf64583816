/**
 * The write-ahead log of a database, synced off the event loop. SQLite's own way to make a commit durable (synchronous=FULL) is to
 * sync the log inside of COMMIT, and the whole process waits for the disk. With synchronous=NORMAL it leaves that out, and syncs only
 * around its checkpoints, which keeps the file whole; what has been committed is durable when the log has been synced after it.
 *
 * The first commit is SQLite's own: it makes the log, and its name in the directory, durable.
 */

import type { DatabaseSync } from 'node:sqlite';
import type { File, FileSystem } from '../../os/file.ts';

export class WriteAheadLog {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #files: Pick<FileSystem, 'open'>;
  #file: File | undefined;
  #isFirst = true;

  /** `path` is the database's. It must have synchronous=FULL. */
  constructor(database: DatabaseSync, path: string, files: Pick<FileSystem, 'open'>) {
    this.#database = database;
    this.#path = `${path}-wal`;
    this.#files = files;
  }

  /** Resolves once everything that was committed before the call survives a power cut. Rejects with FILE_IO, FILE_NO_SPACE. */
  async sync(): Promise<void> {
    if (!this.#isFirst) return await this.#file?.sync();
    this.#isFirst = false;
    // A database in memory has no log, nor has one on a file system that cannot share memory: those go on as they began.
    if (this.#database.prepare('PRAGMA journal_mode').get()?.journal_mode !== 'wal') return;
    this.#file = this.#files.open(this.#path, 'write');
    this.#database.exec('PRAGMA synchronous = NORMAL');
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }
}
