import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { type Ipv4Address, type Ipv6Address, isIpv4, parseIpv6 } from '../../bytes/index.ts';
import type { ServedNetwork, ServedNetworkStore } from '../served-networks.ts';
import { type Row, text } from './row.ts';
import type { WriteBatch } from './write-batch.ts';

export class SqliteServedNetworks implements ServedNetworkStore {
  readonly #batch: WriteBatch;
  readonly #all: StatementSync;
  readonly #clear: StatementSync;
  readonly #insert: StatementSync;

  constructor(database: DatabaseSync, batch: WriteBatch) {
    this.#batch = batch;
    this.#all = database.prepare('SELECT * FROM served_networks ORDER BY network');
    this.#clear = database.prepare('DELETE FROM served_networks');
    // Two interfaces may be on one network.
    this.#insert = database.prepare('INSERT OR REPLACE INTO served_networks (network, excluded) VALUES (?, ?)');
  }

  all(): ServedNetwork[] {
    return this.#all.all().map(networkOf);
  }

  replace(networks: readonly ServedNetwork[]): Promise<void> {
    return this.#batch.durable(() => {
      this.#clear.run();
      for (const { network, excluded } of networks) this.#insert.run(network, excluded.join(' '));
    });
  }
}

function networkOf(row: Row): ServedNetwork {
  const words = text(row, 'excluded').split(' ');
  return { network: text(row, 'network'), excluded: words.filter((word) => word !== '').map(addressOf) };
}

function addressOf(word: string): Ipv4Address | Ipv6Address {
  return isIpv4(word) ? word : parseIpv6(word);
}
