/** The boot lists of a fleet in the iSNS database: what a machine finds there, and what a large fleet makes of the work for each. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type MacAddress, macFromBytes } from '../../src/bytes/index.ts';
import { SqliteFleetStore } from '../../src/fleet/sqlite/store.ts';
import { parseIscsiName } from '../../src/iscsi/name.ts';
import { textAttribute } from '../../src/isns/attribute.ts';
import type { RequestContent } from '../../src/isns/client.ts';
import { decodeResponse, encodeRequest, type ResponseSections } from '../../src/isns/message.ts';
import { FunctionId, ISNSP_VERSION } from '../../src/isns/pdu.ts';
import { type AdministrativeRequest, Registry } from '../../src/isns/registry/registry.ts';
import { defaultRegistrySettings } from '../../src/isns/registry/settings.ts';
import { Tag } from '../../src/isns/tag.ts';
import { bootListOf, domainQuery, targetQuery, targetsOf } from '../../src/isns/target-query.ts';
import { IsnsBootLists } from '../../src/server/isns-boot-lists.ts';
import { Machines } from '../../src/server/machines.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';

const portal = { address: '192.0.2.1', port: 3260 };
const refusals: string[] = [];

class Fleet implements AsyncDisposable {
  readonly store = new SqliteFleetStore(':memory:');
  readonly machines = new Machines(this.store, 'iqn.2026-11.internal.diskless', new SimulatedClock(), () => undefined);
  readonly registry = new Registry({ ...defaultRegistrySettings, parseName: parseIscsiName }, [], 0);
  readonly administered: AdministrativeRequest[] = [];
  readonly lists = new IsnsBootLists({
    machines: this.machines,
    portals: [portal],
    administer: (request) => this.#administer(request),
    onRefused: (text) => refusals.push(text),
  });

  /** With so many machines that have booted before. */
  static async of(count: number): Promise<Fleet> {
    const fleet = new Fleet();
    await Promise.all(Array.from({ length: count }, (_, index) => fleet.machines.seen(macOf(index + 1))));
    fleet.lists.start();
    fleet.machines.whenNew((mac) => fleet.lists.add(mac));
    fleet.registry.takeChanges();
    fleet.registry.takeNotifications(0);
    return fleet;
  }

  #administer(request: AdministrativeRequest): ResponseSections {
    this.administered.push(request);
    return this.registry.administer(request, 0);
  }

  /** Asks iSNS as the boot client does, and logs in. */
  async boot(mac: MacAddress): Promise<{ targets: string[]; bootList: string[] }> {
    const source = this.machines.diskOf(mac).initiatorName;
    const targets = targetsOf(this.#ask(source, targetQuery(undefined)));
    const bootList = bootListOf(this.#ask(source, domainQuery), source);
    await this.machines.seen(mac);
    return { targets: targets.map(({ targetName }) => targetName), bootList: [...bootList] };
  }

  #ask(source: string, { functionId, key = [], operating = [] }: RequestContent): ResponseSections['operating'] {
    this.lists.admit({ source, remote: '192.0.2.9', local: portal.address });
    const payload = encodeRequest({ source: textAttribute(Tag.iscsiName, source), key, operating });
    const message = { version: ISNSP_VERSION, functionId, transactionId: 7, sender: 'client', replace: false, payload };
    const response = this.registry.handle({ ...message, sender: 'client' }, 0);
    assert.ok(response);
    return decodeResponse(response.payload).operating;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close();
  }
}

function macOf(number: number): MacAddress {
  return macFromBytes(Uint8Array.of(0x52, 0x54, 0, 0, number >>> 8, number));
}

/** How much `work` looks up, and how many texts it writes: what time there is for it, a clock would tell on a quiet machine only. */
async function amountOf(work: () => Promise<unknown>): Promise<number> {
  const { get } = Map.prototype;
  const { encode } = TextEncoder.prototype;
  let amount = 0;
  Map.prototype.get = function (key) {
    amount++;
    return get.call(this, key);
  };
  TextEncoder.prototype.encode = function (text) {
    amount++;
    return encode.call(this, text);
  };
  try {
    await work();
  } finally {
    Map.prototype.get = get;
    TextEncoder.prototype.encode = encode;
  }
  return amount;
}

test('a machine that is new finds its own target, and is registered once, however it is seen first', async () => {
  await using fleet = await Fleet.of(3);
  const mac = macOf(4);
  const { targetName } = fleet.machines.diskOf(mac);
  const before = fleet.administered.length;
  assert.deepEqual(await fleet.boot(mac), { targets: [targetName], bootList: [targetName] });
  const registrations = fleet.administered
    .slice(before)
    .filter(({ functionId }) => functionId === FunctionId.devAttrReg);
  assert.equal(registrations.length, 1);
  assert.deepEqual(await fleet.boot(mac), { targets: [targetName], bootList: [targetName] });
  await fleet.machines.seen(macOf(5));
  const { targetName: next } = fleet.machines.diskOf(macOf(5));
  assert.deepEqual(await fleet.boot(macOf(5)), { targets: [next], bootList: [next] });
  assert.deepEqual(refusals, []);
});

test('a machine costs no more in a fleet of a thousand than in one of ten', async () => {
  const amounts: number[] = [];
  for (const count of [10, 1000]) {
    await using fleet = await Fleet.of(count);
    await fleet.boot(macOf(1));
    amounts.push(await amountOf(() => fleet.boot(macOf(count + 1))));
  }
  const [few = 0, many = 0] = amounts;
  assert.ok(few > 0 && many <= few, `${many} of a thousand, ${few} of ten`);
});
