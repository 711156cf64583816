import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Ipv4Address } from '../../bytes/index.ts';
import type { Lease, LeaseStore } from '../lease.ts';
import { ipv4, number, oneOf, optionalMac, optionalText, type Row, text } from './row.ts';
import type { WriteBatch } from './write-batch.ts';

export class SqliteLeases implements LeaseStore {
  readonly #batch: WriteBatch;
  readonly #at: StatementSync;
  readonly #ofClient: StatementSync;
  readonly #all: StatementSync;
  readonly #save: StatementSync;

  constructor(database: DatabaseSync, batch: WriteBatch) {
    this.#batch = batch;
    this.#at = database.prepare('SELECT * FROM leases WHERE address = ?');
    this.#ofClient = database.prepare(`SELECT * FROM leases WHERE client_key = ? AND state <> 'declined'`);
    this.#all = database.prepare('SELECT * FROM leases');
    this.#save = database.prepare(
      `INSERT OR REPLACE INTO leases (address, client_key, hardware_address, state, start, expires, host_name)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    );
  }

  leaseAt(address: Ipv4Address): Lease | undefined {
    const row = this.#at.get(address);
    return row === undefined ? undefined : leaseOf(row);
  }

  leasesOf(clientKey: string): Lease[] {
    return this.#ofClient.all(clientKey).map(leaseOf);
  }

  leases(): Lease[] {
    return this.#all.all().map(leaseOf);
  }

  save(lease: Lease): Promise<void> {
    const { address, clientKey, hardwareAddress, state, start, expires, hostName } = lease;
    return this.#batch.durable(() => {
      this.#save.run(address, clientKey, hardwareAddress ?? null, state, start, expires, hostName ?? null);
    });
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
