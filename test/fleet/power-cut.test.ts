/** Power cuts between the commit of a lease and the sync of the log that it stands in, while clients wait for their ACKs. */

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Ipv4Address, ipv4FromNumber, type MacAddress } from '../../src/bytes/index.ts';
import { type DhcpMessage, MessageType } from '../../src/dhcp/index.ts';
import { SqliteFleetStore } from '../../src/fleet/sqlite/store.ts';
import type { File, FileSystem } from '../../src/os/file.ts';
import { nodeFileSystem } from '../../src/os/node-file-system.ts';
import { discover, ip, renew, select, subnet, TestServer } from '../dhcp/support.ts';
import { type Random, seededRandom } from '../support/random.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const SECTOR = 512;
const ROUNDS = 25;

/** A disk whose syncs of the write-ahead log are over when the test says so. */
class SlowDisk implements Disposable {
  readonly #path: string;
  /** What of the log survives a power cut for certain. */
  #durable: Uint8Array = new Uint8Array(0);
  #underWay: { readonly covered: Uint8Array; readonly over: PromiseWithResolvers<void> } | undefined;
  #started = Promise.withResolvers<void>();
  #isAtEnd = false;

  constructor(path: string) {
    this.#path = path;
  }

  get files(): Pick<FileSystem, 'open'> {
    return { open: (path, mode) => this.#watched(nodeFileSystem.open(path, mode)) };
  }

  #watched(file: File): File {
    return new Proxy(file, {
      get: (target, name) => {
        if (name === 'sync') return () => this.#sync();
        const member: unknown = Reflect.get(target, name);
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
  }

  #sync(): Promise<void> {
    if (this.#isAtEnd) return Promise.resolve();
    assert.equal(this.#underWay, undefined, 'one sync at a time');
    const over = Promise.withResolvers<void>();
    this.#underWay = { covered: this.#log(), over };
    this.#started.resolve();
    return over.promise;
  }

  #log(): Uint8Array {
    return readFileSync(`${this.#path}-wal`);
  }

  /** All that is in the log is on the disk: SQLite has synced it itself. */
  settle(): void {
    this.#durable = this.#log();
  }

  syncStarted(): Promise<void> {
    return this.#started.promise;
  }

  finishSync(): void {
    const underWay = this.#underWay;
    assert.ok(underWay, 'no sync is under way');
    this.#durable = underWay.covered;
    this.#underWay = undefined;
    this.#started = Promise.withResolvers();
    underWay.over.resolve();
  }

  /** Nobody waits for it any more. */
  [Symbol.dispose](): void {
    this.#isAtEnd = true;
    this.#underWay?.over.resolve();
  }

  /** The files as they are found after a power cut: of each sector that was not synced, the old content or the new one. */
  powerCut(directory: string, random: Random): string {
    const log = Buffer.from(this.#log());
    const length = random.pick([this.#durable.length, log.length, random.below(log.length + 1)]);
    const found = Buffer.alloc(Math.max(length, this.#durable.length));
    found.set(this.#durable);
    for (let at = 0; at < found.length; at += SECTOR) {
      if (random.oneIn(2)) found.set(log.subarray(at, Math.min(at + SECTOR, found.length)), at);
    }
    mkdirSync(directory);
    const path = join(directory, 'state.db');
    writeFileSync(path, readFileSync(this.#path));
    writeFileSync(`${path}-wal`, found);
    return path;
  }
}

const client = (number: number) => `52:54:00:00:${hex(number >> 8)}:${hex(number & 255)}` as MacAddress;
const hex = (byte: number) => byte.toString(16).padStart(2, '0');
const wide = { ...subnet, pool: { first: ip('192.0.2.10'), last: ipv4FromNumber(0xc000_02fa) } };

/** A server with leases on that disk, and clients that know what they were told. */
class World {
  readonly server: TestServer;
  readonly #store: SqliteFleetStore;
  /** When the lease ends that each client believes in. */
  readonly acknowledged = new Map<Ipv4Address, number>();

  constructor(store: SqliteFleetStore) {
    this.#store = store;
    this.server = new TestServer({ subnets: [wide], leases: store.leases });
  }

  /** What a client asks that wants an address, or wants its own for longer. */
  async request(number: number): Promise<{ readonly address: Ipv4Address; readonly message: DhcpMessage }> {
    const [held] = [...this.#store.leases.leasesOf(client(number))];
    if (held !== undefined) return { address: held.address, message: renew(held.address, client(number)) };
    const { yiaddr } = await this.server.expect(discover(client(number)), MessageType.offer);
    return { address: yiaddr, message: select(yiaddr, client(number)) };
  }

  /** Resolves when the client has heard its ACK. */
  async ask({ address, message }: Awaited<ReturnType<World['request']>>): Promise<void> {
    const expires = this.server.now + wide.leaseTime * 1000;
    await this.server.expect(message, MessageType.ack);
    this.acknowledged.set(address, expires);
  }

  /** What every client was told must be found again. */
  async check(path: string): Promise<void> {
    await using store = new SqliteFleetStore(path);
    for (const [address, expires] of this.acknowledged) {
      const lease = store.leases.leaseAt(address);
      assert.ok(lease?.state === 'bound' && lease.expires >= expires, `${address}: ${JSON.stringify(lease)}`);
    }
  }
}

test('a power cut between commit and sync: no ACK is seen before its lease is on the disk (RFC 2131 §3.1)', async (t) => {
  const directory = temporaryDirectory(t);
  const random = seededRandom(20);
  const path = join(directory, 'state.db');
  const disk = new SlowDisk(path);
  await using store = new SqliteFleetStore(path, (error) => assert.fail(error), disk.files);
  // Before the store closes, which waits for its syncs.
  using _end = disk;
  const world = new World(store);
  await world.ask(await world.request(0));
  disk.settle();
  let clients = 1;
  for (let round = 0; round < ROUNDS; round++) {
    world.server.now += 1000;
    const before = new Map(world.acknowledged);
    const renewing = random.below(clients);
    const asking = [renewing, ...Array.from({ length: random.below(4) }, () => clients++)];
    const requests = await Promise.all(asking.map((number) => world.request(number)));
    // In one turn, so that one sync is for all of them.
    const waiting = requests.map((request) => world.ask(request));
    await disk.syncStarted();
    await new Promise(setImmediate);
    assert.deepEqual(world.acknowledged, before, 'nobody has heard of it');
    await world.check(disk.powerCut(join(directory, `${round}-before`), random));
    disk.finishSync();
    await Promise.all(waiting);
    await world.check(disk.powerCut(join(directory, `${round}-after`), random));
  }
  assert.ok(clients > ROUNDS);
});
