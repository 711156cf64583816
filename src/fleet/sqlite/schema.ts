/** The tables, as the list of changes that made them. A change that was ever published stays as it is; new ones follow it. */

import type { DatabaseSync } from 'node:sqlite';
import { DisklessError } from '../../bytes/index.ts';

const migrations: readonly string[] = [
  `CREATE TABLE hosts (
     hardware_address TEXT PRIMARY KEY,
     name TEXT,
     target_name TEXT NOT NULL UNIQUE,
     address TEXT UNIQUE,
     image TEXT,
     first_seen INTEGER NOT NULL,
     last_seen INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE leases (
     address TEXT PRIMARY KEY,
     client_key TEXT NOT NULL,
     hardware_address TEXT,
     state TEXT NOT NULL CHECK (state IN ('bound', 'released', 'declined')),
     start INTEGER NOT NULL,
     expires INTEGER NOT NULL,
     host_name TEXT
   ) STRICT;
   CREATE INDEX leases_by_client ON leases (client_key);
   CREATE TABLE boots (
     number INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     hardware_address TEXT NOT NULL,
     started INTEGER NOT NULL,
     outcome TEXT NOT NULL CHECK (outcome IN ('running', 'up', 'abandoned'))
   ) STRICT;
   CREATE INDEX boots_by_host ON boots (hardware_address, number);
   CREATE TABLE boot_steps (
     boot INTEGER NOT NULL REFERENCES boots (number) ON DELETE CASCADE,
     number INTEGER NOT NULL,
     time INTEGER NOT NULL,
     stage TEXT NOT NULL,
     text TEXT NOT NULL,
     PRIMARY KEY (boot, number)
   ) STRICT, WITHOUT ROWID;`,
  'CREATE TABLE running_machines (hardware_address TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;',
  `CREATE TABLE ipv6_leases (
     address TEXT PRIMARY KEY,
     client_key TEXT NOT NULL,
     duid TEXT NOT NULL,
     iaid INTEGER NOT NULL,
     hardware_address TEXT,
     state TEXT NOT NULL CHECK (state IN ('bound', 'released', 'declined')),
     start INTEGER NOT NULL,
     expires INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX ipv6_leases_by_client ON ipv6_leases (client_key);`,
  `ALTER TABLE leases RENAME TO leases_by_address;
   CREATE TABLE leases (
     number INTEGER PRIMARY KEY,
     address TEXT NOT NULL,
     client_key TEXT NOT NULL,
     hardware_address TEXT,
     state TEXT NOT NULL CHECK (state IN ('bound', 'released', 'declined')),
     start INTEGER NOT NULL,
     expires INTEGER NOT NULL,
     host_name TEXT
   ) STRICT;
   INSERT INTO leases (address, client_key, hardware_address, state, start, expires, host_name)
     SELECT address, client_key, hardware_address, state, start, expires, host_name FROM leases_by_address;
   DROP TABLE leases_by_address;`,
  `CREATE TABLE isns_records (
     type TEXT NOT NULL,
     key TEXT NOT NULL,
     record BLOB NOT NULL,
     PRIMARY KEY (type, key)
   ) STRICT, WITHOUT ROWID;`,
  `ALTER TABLE hosts ADD COLUMN ipv6_address TEXT;
   CREATE UNIQUE INDEX hosts_by_ipv6_address ON hosts (ipv6_address);
   CREATE TABLE served_networks (
     network TEXT PRIMARY KEY,
     excluded TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;`,
];

/** Brings the database to this program's version, in one transaction. Raises FLEET_STATE_NEWER. */
export function migrate(database: DatabaseSync, path: string): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.user_version ?? 0);
  if (version > migrations.length) {
    throw new DisklessError(
      'FLEET_STATE_NEWER',
      `${path} has version ${version}, this program knows up to ${migrations.length}`,
      { hint: 'A newer release wrote it: run that one, or use another --data directory.' },
    );
  }
  if (version === migrations.length) return;
  database.exec('BEGIN IMMEDIATE');
  for (const change of migrations.slice(version)) database.exec(change);
  database.exec(`PRAGMA user_version = ${migrations.length}`);
  database.exec('COMMIT');
}
