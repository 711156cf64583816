import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { DisklessError, type Ipv4Address, type MacAddress } from '../../bytes/index.ts';
import type { Host, HostStore } from '../host.ts';
import { mac, number, optionalIpv4, optionalText, type Row, text } from './row.ts';
import type { WriteBatch } from './write-batch.ts';

export class SqliteHosts implements HostStore {
  readonly #batch: WriteBatch;
  readonly #find: StatementSync;
  readonly #findByTargetName: StatementSync;
  readonly #findByAddress: StatementSync;
  readonly #all: StatementSync;
  readonly #save: StatementSync;
  readonly #touch: StatementSync;
  readonly #remove: StatementSync;

  constructor(database: DatabaseSync, batch: WriteBatch) {
    this.#batch = batch;
    this.#find = database.prepare('SELECT * FROM hosts WHERE hardware_address = ?');
    this.#findByTargetName = database.prepare('SELECT * FROM hosts WHERE target_name = ?');
    this.#findByAddress = database.prepare('SELECT * FROM hosts WHERE address = ?');
    this.#all = database.prepare('SELECT * FROM hosts ORDER BY hardware_address');
    this.#save = database.prepare(
      `INSERT INTO hosts (hardware_address, name, target_name, address, image, first_seen, last_seen)
       VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (hardware_address) DO UPDATE SET name = excluded.name, target_name = excluded.target_name,
         address = excluded.address, image = excluded.image, first_seen = excluded.first_seen, last_seen = excluded.last_seen`,
    );
    this.#remove = database.prepare('DELETE FROM hosts WHERE hardware_address = ?');
    this.#touch = database.prepare('UPDATE hosts SET last_seen = ? WHERE hardware_address = ?');
  }

  find(hardwareAddress: MacAddress): Host | undefined {
    return hostOf(this.#find.get(hardwareAddress));
  }

  findByTargetName(targetName: string): Host | undefined {
    return hostOf(this.#findByTargetName.get(targetName));
  }

  findByAddress(address: Ipv4Address): Host | undefined {
    return hostOf(this.#findByAddress.get(address));
  }

  all(): Host[] {
    return this.#all.all().flatMap((row) => hostOf(row) ?? []);
  }

  save(host: Host): Promise<void> {
    const owner = this.findByTargetName(host.targetName);
    if (owner !== undefined && owner.hardwareAddress !== host.hardwareAddress) {
      const message = `the target name ${host.targetName} belongs to ${owner.hardwareAddress} already`;
      return Promise.reject(new DisklessError('FLEET_TARGET_NAME_EXISTS', message));
    }
    const { hardwareAddress, name, targetName, address, image, firstSeen, lastSeen } = host;
    return this.#batch.durable(() => {
      this.#save.run(hardwareAddress, name ?? null, targetName, address ?? null, image ?? null, firstSeen, lastSeen);
    });
  }

  remove(hardwareAddress: MacAddress): Promise<void> {
    return this.#batch.durable(() => {
      this.#remove.run(hardwareAddress);
    });
  }

  touch(hardwareAddress: MacAddress, lastSeen: number): void {
    this.#batch.lazy(() => this.#touch.run(lastSeen, hardwareAddress));
  }
}

function hostOf(row: Row | undefined): Host | undefined {
  if (row === undefined) return undefined;
  return {
    hardwareAddress: mac(row, 'hardware_address'),
    name: optionalText(row, 'name'),
    targetName: text(row, 'target_name'),
    address: optionalIpv4(row, 'address'),
    image: optionalText(row, 'image'),
    firstSeen: number(row, 'first_seen'),
    lastSeen: number(row, 'last_seen'),
  };
}
