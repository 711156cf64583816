/**
 * Leases are looked at for every datagram of DHCP, so they are all in memory, read when first asked for. The server of a directory is
 * the only one that writes them.
 *
 * In the file a lease is a new row at the end of its table, and the address's last row goes: the leases of one commit lie side by
 * side, while rows in the order of their addresses would each change a page of their own.
 */

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Ipv4Address } from '../../bytes/index.ts';
import type { Lease, LeaseStore } from '../lease.ts';
import { LeaseTable } from '../lease-table.ts';
import { ipv4, number, oneOf, optionalMac, optionalText, type Row, text } from './row.ts';
import type { WriteBatch } from './write-batch.ts';

interface Kept {
  readonly table: LeaseTable;
  /** Number of the row of each address. */
  readonly rows: Map<Ipv4Address, number>;
}

export class SqliteLeases implements LeaseStore {
  readonly #batch: WriteBatch;
  readonly #all: StatementSync;
  readonly #insert: StatementSync;
  readonly #remove: StatementSync;
  #kept: Kept | undefined;

  constructor(database: DatabaseSync, batch: WriteBatch) {
    this.#batch = batch;
    this.#all = database.prepare('SELECT * FROM leases ORDER BY number');
    this.#insert = database.prepare(
      `INSERT INTO leases (address, client_key, hardware_address, state, start, expires, host_name)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#remove = database.prepare('DELETE FROM leases WHERE number = ?');
    batch.onRollback(() => {
      this.#kept = undefined;
    });
  }

  leaseAt(address: Ipv4Address): Lease | undefined {
    return this.#leases().table.at(address);
  }

  leasesOf(clientKey: string): Iterable<Lease> {
    return this.#leases().table.of(clientKey);
  }

  leases(): Iterable<Lease> {
    return this.#leases().table.all();
  }

  save(lease: Lease): Promise<void> {
    const { address, clientKey, hardwareAddress, state, start, expires, hostName } = lease;
    const { table, rows } = this.#leases();
    return this.#batch.durable(() => {
      const before = rows.get(address);
      if (before !== undefined) this.#remove.run(before);
      const values = [address, clientKey, hardwareAddress ?? null, state, start, expires, hostName ?? null];
      const { lastInsertRowid } = this.#insert.run(...values);
      rows.set(address, Number(lastInsertRowid));
      table.set(lease);
    });
  }

  #leases(): Kept {
    this.#kept ??= this.#read();
    return this.#kept;
  }

  #read(): Kept {
    const kept = { table: new LeaseTable(), rows: new Map<Ipv4Address, number>() };
    for (const row of this.#all.iterate()) {
      const lease = leaseOf(row);
      kept.table.set(lease);
      kept.rows.set(lease.address, number(row, 'number'));
    }
    return kept;
  }
}

function leaseOf(row: Row): Lease {
  return {
    address: ipv4(row, 'address'),
    clientKey: text(row, 'client_key'),
    hardwareAddress: optionalMac(row, 'hardware_address'),
    state: oneOf(row, 'state', ['bound', 'released', 'declined']),
    start: number(row, 'start'),
    expires: number(row, 'expires'),
    hostName: optionalText(row, 'host_name'),
  };
}
