/** An iSNS server on the loopback interface, whose records are kept as long as its store. */

import type { IsnsRecord, IsnsRecordStore } from '../../src/fleet/isns-records.ts';
import { parseIscsiName } from '../../src/iscsi/name.ts';
import { ISNS_PORT } from '../../src/isns/pdu.ts';
import { decodeRecord } from '../../src/isns/registry/record.ts';
import { Registry } from '../../src/isns/registry/registry.ts';
import { defaultRegistrySettings, type RegistrySettings } from '../../src/isns/registry/settings.ts';
import { type Clock, systemClock } from '../../src/os/clock.ts';
import type { Network } from '../../src/os/network.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';
import { IsnsService } from '../../src/server/isns-service.ts';

export class MemoryRecords implements IsnsRecordStore {
  readonly #records = new Map<string, IsnsRecord>();
  /** When set, nothing can be kept. */
  failure: Error | undefined;

  all(): IsnsRecord[] {
    return [...this.#records.values()];
  }

  async save(changes: Parameters<IsnsRecordStore['save']>[0]): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    for (const { type, key, record } of changes) {
      if (record === undefined) this.#records.delete(`${type} ${key}`);
      else this.#records.set(`${type} ${key}`, { type, key, record });
    }
  }
}

export interface TestServerOptions {
  readonly address: string;
  readonly controlNodes?: readonly string[];
  readonly records?: MemoryRecords;
  readonly network?: Network;
  readonly clock?: Clock;
  readonly settings?: Partial<RegistrySettings>;
}

export async function startIsnsServer(options: TestServerOptions) {
  const { address, records = new MemoryRecords(), network = nodeNetwork, clock = systemClock } = options;
  const settings = {
    ...defaultRegistrySettings,
    parseName: parseIscsiName,
    controlNodes: new Set(options.controlNodes),
    ...options.settings,
  };
  const kept = records.all().map(({ type, key, record }) => decodeRecord(type, key, record));
  const registry = new Registry(settings, kept, Math.floor(clock.now() / 1000));
  const errors: unknown[] = [];
  const service = await IsnsService.listen({
    addresses: [address],
    port: ISNS_PORT,
    network,
    clock,
    registry,
    records,
    localAddressFor: () => address,
    onError: (error) => errors.push(error),
  });
  return { service, records, errors, endpoint: { address, port: ISNS_PORT } };
}
