import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Ipv6Address } from '../../bytes/index.ts';
import type { Ipv6Lease, Ipv6LeaseStore } from '../ipv6-lease.ts';
import { ipv6, number, oneOf, optionalMac, type Row, text } from './row.ts';
import type { WriteBatch } from './write-batch.ts';

export class SqliteIpv6Leases implements Ipv6LeaseStore {
  readonly #batch: WriteBatch;
  readonly #at: StatementSync;
  readonly #ofClient: StatementSync;
  readonly #all: StatementSync;
  readonly #save: StatementSync;

  constructor(database: DatabaseSync, batch: WriteBatch) {
    this.#batch = batch;
    this.#at = database.prepare('SELECT * FROM ipv6_leases WHERE address = ?');
    this.#ofClient = database.prepare(`SELECT * FROM ipv6_leases WHERE client_key = ? AND state <> 'declined'`);
    this.#all = database.prepare('SELECT * FROM ipv6_leases');
    this.#save = database.prepare(
      `INSERT OR REPLACE INTO ipv6_leases (address, client_key, duid, iaid, hardware_address, state, start, expires)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
  }

  leaseAt(address: Ipv6Address): Ipv6Lease | undefined {
    const row = this.#at.get(address);
    return row === undefined ? undefined : leaseOf(row);
  }

  leasesOf(clientKey: string): Ipv6Lease[] {
    return this.#ofClient.all(clientKey).map(leaseOf);
  }

  leases(): Ipv6Lease[] {
    return this.#all.all().map(leaseOf);
  }

  save(lease: Ipv6Lease): Promise<void> {
    const { address, clientKey, duid, iaid, hardwareAddress, state, start, expires } = lease;
    return this.#batch.durable(() => {
      this.#save.run(address, clientKey, duid, iaid, hardwareAddress ?? null, state, start, expires);
    });
  }
}

function leaseOf(row: Row): Ipv6Lease {
  return {
    address: ipv6(row, 'address'),
    clientKey: text(row, 'client_key'),
    duid: text(row, 'duid'),
    iaid: number(row, 'iaid'),
    hardwareAddress: optionalMac(row, 'hardware_address'),
    state: oneOf(row, 'state', ['bound', 'released', 'declined']),
    start: number(row, 'start'),
    expires: number(row, 'expires'),
  };
}
