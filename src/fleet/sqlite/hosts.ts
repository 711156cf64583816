/**
 * Machines are looked for with every datagram of DHCP, so they are all in memory. Commands change them beside the server: what others
 * have written is seen a moment later.
 */

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { DisklessError, type Ipv4Address, type Ipv6Address, type MacAddress } from '../../bytes/index.ts';
import { addressesOf, type Host, type HostStore } from '../host.ts';
import { HostTable } from '../host-table.ts';
import { mac, number, optionalIpv4, optionalIpv6, optionalText, type Row, text } from './row.ts';
import type { WriteBatch } from './write-batch.ts';

/** How long what is in memory is taken for what is in the file, in milliseconds: many datagrams come in one. */
const MOMENT = 1;

export class SqliteHosts implements HostStore {
  readonly #batch: WriteBatch;
  readonly #version: StatementSync;
  readonly #all: StatementSync;
  readonly #save: StatementSync;
  readonly #touch: StatementSync;
  readonly #remove: StatementSync;
  #known: { readonly table: HostTable; readonly version: unknown; readonly lookedAt: number } | undefined;

  constructor(database: DatabaseSync, batch: WriteBatch) {
    this.#batch = batch;
    // Another value when somebody else has written (SQLite, "PRAGMA data_version").
    this.#version = database.prepare('PRAGMA data_version');
    this.#all = database.prepare('SELECT * FROM hosts');
    this.#save = database.prepare(
      `INSERT INTO hosts (hardware_address, name, target_name, address, ipv6_address, image, first_seen, last_seen)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (hardware_address) DO UPDATE SET name = excluded.name, target_name = excluded.target_name,
         address = excluded.address, ipv6_address = excluded.ipv6_address, image = excluded.image,
         first_seen = excluded.first_seen, last_seen = excluded.last_seen`,
    );
    this.#remove = database.prepare('DELETE FROM hosts WHERE hardware_address = ?');
    this.#touch = database.prepare('UPDATE hosts SET last_seen = ? WHERE hardware_address = ?');
    batch.onRollback(() => {
      this.#known = undefined;
    });
  }

  find(hardwareAddress: MacAddress): Host | undefined {
    return this.#hosts().find(hardwareAddress);
  }

  findByTargetName(targetName: string): Host | undefined {
    return this.#hosts().findByTargetName(targetName);
  }

  findByAddress(address: Ipv4Address | Ipv6Address): Host | undefined {
    return this.#hosts().findByAddress(address);
  }

  all(): Host[] {
    return this.#hosts().all();
  }

  save(host: Host): Promise<void> {
    const { hardwareAddress, name, targetName, address, ipv6Address, image, firstSeen, lastSeen } = host;
    const taken = this.#takenBy(host);
    if (taken !== undefined) return Promise.reject(taken);
    const names = [hardwareAddress, name ?? null, targetName, address ?? null, ipv6Address ?? null, image ?? null];
    return this.#batch.durable(() => {
      this.#save.run(...names, firstSeen, lastSeen);
      this.#hosts().set(host);
    });
  }

  /** What another machine has of that which belongs to one alone. */
  #takenBy(host: Host): DisklessError | undefined {
    const isAnother = (owner: Host | undefined) =>
      owner !== undefined && owner.hardwareAddress !== host.hardwareAddress;
    const named = this.findByTargetName(host.targetName);
    if (isAnother(named)) {
      const message = `the target name ${host.targetName} belongs to ${named?.hardwareAddress} already`;
      return new DisklessError('FLEET_TARGET_NAME_EXISTS', message);
    }
    const address = addressesOf(host).find((each) => isAnother(this.findByAddress(each)));
    if (address === undefined) return undefined;
    const message = `the address ${address} is kept for ${this.findByAddress(address)?.hardwareAddress} already`;
    return new DisklessError('FLEET_ADDRESS_EXISTS', message, {
      hint: 'Choose another, or take it from that machine first: "diskless host set MACHINE --ipv4 none", or --ipv6 none.',
    });
  }

  remove(hardwareAddress: MacAddress): Promise<void> {
    return this.#batch.durable(() => {
      this.#remove.run(hardwareAddress);
      this.#hosts().remove(hardwareAddress);
    });
  }

  touch(hardwareAddress: MacAddress, lastSeen: number): void {
    this.#batch.lazy(() => {
      this.#touch.run(lastSeen, hardwareAddress);
      const host = this.find(hardwareAddress);
      if (host !== undefined) this.#hosts().set({ ...host, lastSeen });
    });
  }

  #hosts(): HostTable {
    const now = performance.now();
    if (this.#known !== undefined && now - this.#known.lookedAt < MOMENT) return this.#known.table;
    const version = this.#version.get()?.data_version;
    const table = this.#known !== undefined && this.#known.version === version ? this.#known.table : this.#read();
    this.#known = { table, version, lookedAt: now };
    return table;
  }

  #read(): HostTable {
    const table = new HostTable();
    for (const row of this.#all.iterate()) table.set(hostOf(row));
    return table;
  }
}

function hostOf(row: Row): Host {
  return {
    hardwareAddress: mac(row, 'hardware_address'),
    name: optionalText(row, 'name'),
    targetName: text(row, 'target_name'),
    address: optionalIpv4(row, 'address'),
    ipv6Address: optionalIpv6(row, 'ipv6_address'),
    image: optionalText(row, 'image'),
    firstSeen: number(row, 'first_seen'),
    lastSeen: number(row, 'last_seen'),
  };
}
