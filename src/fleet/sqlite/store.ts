/**
 * The fleet's state in one SQLite file with a write-ahead log: what a promise has confirmed survives kill -9 and power cuts.
 */

import { DatabaseSync } from 'node:sqlite';
import type { DisklessError } from '../../bytes/index.ts';
import type { FileSystem } from '../../os/file.ts';
import { nodeFileSystem } from '../../os/node-file-system.ts';
import type { FleetStore } from '../store.ts';
import { SqliteBoots } from './boots.ts';
import { SqliteHosts } from './hosts.ts';
import { SqliteIpv6Leases } from './ipv6-leases.ts';
import { SqliteIsnsRecords } from './isns-records.ts';
import { SqliteLeases } from './leases.ts';
import { SqliteRunningMachines } from './running.ts';
import { migrate } from './schema.ts';
import { SqliteServedNetworks } from './served-networks.ts';
import { stateError } from './state-error.ts';
import { WriteBatch } from './write-batch.ts';

export class SqliteFleetStore implements FleetStore {
  readonly hosts: SqliteHosts;
  readonly leases: SqliteLeases;
  readonly ipv6Leases: SqliteIpv6Leases;
  readonly boots: SqliteBoots;
  readonly running: SqliteRunningMachines;
  readonly isns: SqliteIsnsRecords;
  readonly servedNetworks: SqliteServedNetworks;
  readonly #database: DatabaseSync;
  readonly #batch: WriteBatch;

  /**
   * `onLoss` hears of boots' history that could not be written; `files` has the write-ahead log that SQLite writes. Raises FLEET_STATE_UNREADABLE, FLEET_STATE_NEWER, FLEET_NO_SPACE.
   */
  constructor(
    path: string,
    onLoss: (error: DisklessError) => void = () => {},
    files: Pick<FileSystem, 'open'> = nodeFileSystem,
  ) {
    this.#database = openDatabase(path);
    this.#batch = new WriteBatch(this.#database, path, files, onLoss);
    this.hosts = new SqliteHosts(this.#database, this.#batch);
    this.leases = new SqliteLeases(this.#database, this.#batch);
    this.ipv6Leases = new SqliteIpv6Leases(this.#database, this.#batch);
    this.boots = new SqliteBoots(this.#database, this.#batch);
    this.running = new SqliteRunningMachines(this.#database, this.#batch);
    this.isns = new SqliteIsnsRecords(this.#database, this.#batch);
    this.servedNetworks = new SqliteServedNetworks(this.#database, this.#batch);
  }

  async close(): Promise<void> {
    if (!this.#database.isOpen) return;
    await this.#batch.close();
    if (this.#database.isOpen) this.#database.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function openDatabase(path: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: 5000 });
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;');
    migrate(database, path);
    return database;
  } catch (error) {
    database?.close();
    throw stateError(error, 'open', path);
  }
}
