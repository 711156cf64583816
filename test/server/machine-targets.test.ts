/** When a machine's disk is open, and when it is not: another process may remove it only then. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Device } from '../../src/block/device.ts';
import { parseMac } from '../../src/bytes/index.ts';
import { bootClient } from '../../src/dhcp/boot-client.ts';
import { dhcpMessage, MessageType } from '../../src/dhcp/message.ts';
import { Option } from '../../src/dhcp/option.ts';
import { OptionList } from '../../src/dhcp/option-list.ts';
import { SqliteFleetStore } from '../../src/fleet/sqlite/store.ts';
import { LoginStatus } from '../../src/iscsi/pdu.ts';
import { nodeFileSystem } from '../../src/os/node-file-system.ts';
import { LocalPool } from '../../src/pool/local.ts';
import type { DiskName, OpenDiskOptions } from '../../src/pool/pool.ts';
import { Status, Transfer10Cdb } from '../../src/scsi/index.ts';
import { BootTrace } from '../../src/server/boot-trace.ts';
import { DhcpObserver } from '../../src/server/dhcp-observer.ts';
import { MachineTargets } from '../../src/server/machine-targets.ts';
import { Machines } from '../../src/server/machines.ts';
import { Portal } from '../../src/target/portal.ts';
import { writeBootableImage } from '../support/bootable-image.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { SimulatedNetwork } from '../support/simulated-tcp.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { RawInitiator } from '../target/raw-initiator.ts';

const MAC = '52:54:00:12:34:56';
const PREFIX = 'iqn.2026-11.internal.diskless';
const TARGET = `${PREFIX}:52-54-00-12-34-56`;
const BLOCK = 512;
const endpoint = { address: '192.0.2.1', port: 3260 };

/** Makes a disk when the test lets it, and tells when the last one that was let go of is closed. */
class WatchedPool extends LocalPool {
  ready: Promise<void> = Promise.resolve();
  closed: Promise<void> = Promise.resolve();

  override async openDisk(name: DiskName, options?: OpenDiskOptions): Promise<Device> {
    await this.ready;
    const device = await super.openDisk(name, options);
    const close = device.close.bind(device);
    device.close = () => {
      this.closed = close();
      return this.closed;
    };
    return device;
  }
}

/** A portal that serves machines' disks, and a second look at their files, as another process has it. */
async function serve(t: TestContext) {
  const directory = temporaryDirectory(t);
  const image = join(directory, 'golden.img');
  const content = Buffer.alloc(1 << 20, 7);
  writeBootableImage(image, content);
  const run = () => assert.fail('nothing to convert');
  const data = { directory: join(directory, 'data'), fileSystem: nodeFileSystem, run };
  const pool = new WatchedPool(data);
  const store = new SqliteFleetStore(':memory:');
  const clock = new SimulatedClock();
  const machines = new Machines(store, PREFIX, clock, () => undefined);
  const targets = new MachineTargets(machines, pool, await pool.openImage(image), clock, (error) => {
    throw error;
  });
  const network = new SimulatedNetwork();
  const portal = await Portal.open({
    network,
    endpoint,
    clock,
    directory: targets,
    onEvent: (event) => targets.observe(event),
  });
  t.after(async () => {
    await portal.close();
    await targets[Symbol.asyncDispose]();
    await pool.close();
    await store.close();
  });
  return {
    clock,
    pool,
    store,
    targets,
    /** The machine asks for an address: its firmware by the class `PXEClient`, its system by another one. */
    asksForAddress(vendorClass: string) {
      const observer = new DhcpObserver({
        interface: 'eth0',
        mode: 'full',
        trace: new BootTrace(clock, store.boots, () => {}),
        machines,
        decide: () => assert.fail('nobody is answered'),
        emit: () => {},
      });
      const options = new OptionList()
        .set(Option.messageType, MessageType.discover)
        .set(Option.vendorClass, vendorClass);
      const message = dhcpMessage({ chaddr: Buffer.from(`525400123456${'00'.repeat(10)}`, 'hex'), options });
      observer.observe({ type: 'received', message, client: bootClient(message), from: endpoint });
    },
    async tryLogin() {
      return new RawInitiator(await network.connectTcp(endpoint)).tryLogin({ targetName: TARGET });
    },
    others: new LocalPool(data),
    async login() {
      const initiator = new RawInitiator(await network.connectTcp(endpoint));
      await initiator.login({ targetName: TARGET });
      return initiator;
    },
  };
}

type Served = Awaited<ReturnType<typeof serve>>;

async function logout(initiator: RawInitiator): Promise<void> {
  initiator.logout();
  await initiator.closed;
}

/** Lets time pass, and what is to be closed then be closed. */
async function pass({ clock, pool }: Served, milliseconds: number): Promise<void> {
  await clock.pass(milliseconds);
  await pool.closed;
}

const write = Transfer10Cdb.encode({ operationCode: 0x2a, transferLength: 1 });
const read = Transfer10Cdb.encode({ operationCode: 0x28, transferLength: 1 });
const data = new Uint8Array(BLOCK).fill(9);

test('a disk is let go of a minute after its last session, and is there again for the next', async (t) => {
  const served = await serve(t);
  const first = await served.login();
  await first.run(write, { direction: 'write', length: BLOCK, immediateData: data });
  await served.clock.pass(3_600_000);
  await assert.rejects(served.others.removeDisks(MAC), { code: 'DISK_IN_USE' });
  await logout(first);
  await served.clock.pass(59_000);
  await assert.rejects(served.others.removeDisks(MAC), { code: 'DISK_IN_USE' });

  const second = await served.login();
  await served.clock.pass(120_000);
  await assert.rejects(served.others.removeDisks(MAC), { code: 'DISK_IN_USE' });
  await logout(second);
  await pass(served, 60_000);
  const third = await served.login();
  const { status, data: found } = await third.run(read, { length: BLOCK });
  assert.equal(status, Status.good);
  assert.deepEqual(found, Buffer.from(data), 'what was written is there');
  await logout(third);

  await pass(served, 60_000);
  assert.equal(await served.others.removeDisks(MAC), 1);
  const fresh = await served.login();
  assert.equal((await fresh.run(read, { length: BLOCK })).data[0], 7, 'the image’s');
});

for (const seconds of [50, 90]) {
  test(`a disk that takes ${seconds} s to get ready is there for the login that waits for it, for a whole minute`, async (t) => {
    const served = await serve(t);
    const ready = Promise.withResolvers<void>();
    served.pool.ready = ready.promise;
    const found = served.targets.find(TARGET);
    await served.clock.pass(seconds * 1000);
    ready.resolve();
    await found;
    await pass(served, 59_000);
    await assert.rejects(served.others.removeDisks(MAC), { code: 'DISK_IN_USE' });
    await pass(served, 1_000);
    assert.equal(await served.others.removeDisks(MAC), 1);
  });
}

test('a disk on which an initiator is registered stays open: only here it is remembered', async (t) => {
  const served = await serve(t);
  const initiator = await served.login();
  const list = Buffer.alloc(24);
  list.writeBigUInt64BE(5n, 8);
  const register = Buffer.from('5f000000000000001800', 'hex');
  const { status } = await initiator.run(register, { direction: 'write', length: 24, immediateData: list });
  assert.equal(status, Status.good);
  await logout(initiator);
  await pass(served, 3_600_000);
  await assert.rejects(served.others.removeDisks(MAC), { code: 'DISK_IN_USE' });
});

test('who asks while a disk is being closed gets it when that is done', async (t) => {
  const served = await serve(t);
  await logout(await served.login());
  served.clock.advance(60_000);
  const again = await served.login();
  assert.equal((await again.run(read, { length: BLOCK })).status, Status.good);
});

/** A system whose connection was lost, and whose disk was removed meanwhile, as the machine's record was. */
async function serveCutOff(t: TestContext): Promise<Served> {
  const served = await serve(t);
  const system = await served.login();
  await system.run(write, { direction: 'write', length: BLOCK, immediateData: data });
  system.tcp.destroy();
  await pass(served, 60_000);
  assert.equal(await served.others.removeDisks(MAC), 1);
  await served.store.hosts.remove(parseMac(MAC));
  return served;
}

test('a running system whose disk was removed while it was cut off gets no other: its target was removed', async (t) => {
  const served = await serveCutOff(t);
  assert.equal(await served.tryLogin(), LoginStatus.targetRemoved);
  served.asksForAddress('dhcpcd');
  assert.equal(await served.tryLogin(), LoginStatus.targetRemoved, 'its system only prolongs its address');
  assert.deepEqual(served.pool.listDisks(), []);
  served.asksForAddress('PXEClient:Arch:00007:UNDI:003016');
  const fresh = await served.login();
  assert.equal((await fresh.run(read, { length: BLOCK })).data[0], 7, 'the image’s');
});

test('a cut-off system comes back to a disk that is still there, and a person can say that it is off', async (t) => {
  const served = await serve(t);
  const system = await served.login();
  await system.run(write, { direction: 'write', length: BLOCK, immediateData: data });
  system.tcp.destroy();
  await pass(served, 60_000);
  const again = await served.login();
  assert.equal((await again.run(read, { length: BLOCK })).data[0], 9);
  again.tcp.destroy();
  await pass(served, 60_000);
  await served.others.removeDisks(MAC);
  assert.equal(await served.tryLogin(), LoginStatus.targetRemoved);
  served.store.running.remove(parseMac(MAC));
  const fresh = await served.login();
  assert.equal((await fresh.run(read, { length: BLOCK })).data[0], 7);
});
