/**
 * Two Linux guests on one logical unit of `diskless target`, as nodes of a cluster: both see the same unit, and persistent
 * reservations (SPC-4 §5.13) keep the one from writing where the other works.
 */
import assert from 'node:assert/strict';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { initiatorGuest } from '../../scripts/initiator-guest/build.ts';
import { Fio } from '../support/machine/fio.ts';
import type { Guest } from '../support/machine/guest.ts';
import { startLinuxInitiator } from '../support/machine/linux-initiator.ts';
import { guestNeeds } from '../support/machine/needs.ts';
import { makeNetwork } from '../support/machine/network.ts';
import { requires } from '../support/requires.ts';
import { TargetProgram } from '../support/target-program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** Types of a reservation (SPC-4 §6.15.3.4) as sg_persist takes them. */
const writeExclusive = 1;
const exclusiveAccess = 3;
const writeExclusiveRegistrantsOnly = 5;

/** What Linux makes of RESERVATION CONFLICT: EBADE. */
const reservationConflict = /Invalid exchange/;

/** What fio fills. */
const filled = { size: 16 << 20, bs: '256k', iodepth: 8 } as const;
/**
 * Each of these commands brings far more than may come unsolicited: some always wait for their data. With less, a guest on a busy
 * machine may have had the answers to all before fio has its turn to send others.
 */
const large = { ...filled, bs: '1m', iodepth: 16 } as const;

/** One guest and the unit as it sees it. */
class Node {
  readonly #guest: Guest;
  readonly #disk: string;
  readonly #key: string;

  constructor(guest: Guest, disk: string, key: string) {
    this.#guest = guest;
    this.#disk = disk;
    this.#key = key;
  }

  identity(disk = this.#disk): Promise<string> {
    return this.#guest.run(`sg_vpd --page=di ${disk}`);
  }

  /** Writes a word over and over into the first 4096 bytes, past every cache. */
  async write(word: string): Promise<void> {
    await this.#guest.run(`yes ${word} | head -c 4096 > /run/block`);
    await this.#guest.run(`dd if=/run/block of=${this.#disk} bs=4096 count=1 oflag=direct conv=notrunc`);
  }

  async read(): Promise<string> {
    await this.#guest.run(`dd if=${this.#disk} of=/run/block bs=4096 count=1 iflag=direct`);
    return this.#guest.run('head -n 1 /run/block');
  }

  /** Registers this node's key, to be kept through a power loss. */
  register(): Promise<string> {
    return this.#out(`--register --param-sark=${this.#key} --param-aptpl`);
  }

  reserve(type: number): Promise<string> {
    return this.#out(`--reserve --param-rk=${this.#key} --prout-type=${type}`);
  }

  release(type: number): Promise<string> {
    return this.#out(`--release --param-rk=${this.#key} --prout-type=${type}`);
  }

  preempt(other: Node, type: number, how: 'preempt' | 'preempt-abort' = 'preempt'): Promise<string> {
    return this.#out(`--${how} --param-rk=${this.#key} --param-sark=${other.#key} --prout-type=${type}`);
  }

  clear(): Promise<string> {
    return this.#out(`--clear --param-rk=${this.#key}`);
  }

  /** Starts to write a byte into the first blocks, many commands at a time and without an end. */
  startFilling(byte: string): Promise<Fio> {
    const forever = { time_based: true, runtime: 600 } as const;
    return Fio.start(this.#guest, this.#disk, { ...large, ...forever, rw: 'randwrite', buffer_pattern: byte });
  }

  /** Writes a byte into the same blocks, once. */
  async fill(byte: string): Promise<void> {
    const { written } = await Fio.run(this.#guest, this.#disk, { ...filled, rw: 'write', buffer_pattern: byte });
    assert.equal(written, filled.size);
  }

  /** Every one of these blocks holds the byte, and nothing else. */
  async isFilledWith(byte: string): Promise<void> {
    const check = { rw: 'read', verify: 'pattern', verify_pattern: byte } as const;
    const { read } = await Fio.run(this.#guest, this.#disk, { ...filled, ...check });
    assert.equal(read, filled.size);
  }

  /** How long this node's kernel waits for a command before it asks what became of it. Seconds. */
  async setPatience(seconds: number): Promise<void> {
    await this.#guest.run(`echo ${seconds} > /sys/block/${this.#disk.slice('/dev/'.length)}/device/timeout`);
  }

  /** The keys that are registered, and whose reservation it is; undefined: there is none. */
  async reservations(): Promise<{ keys: string[]; holder: string | undefined; type: string | undefined }> {
    const keys = await this.#guest.run(`sg_persist --in --read-keys ${this.#disk}`);
    const reservation = await this.#guest.run(`sg_persist --in --read-reservation ${this.#disk}`);
    return {
      keys: [...keys.matchAll(/^\s+0x([0-9a-f]+)$/gm)].map(([, key = '']) => key).sort(),
      holder: /Key=0x([0-9a-f]+)/.exec(reservation)?.[1],
      type: /LU_SCOPE, +type: (.*)/.exec(reservation)?.[1],
    };
  }

  #out(action: string): Promise<string> {
    return this.#guest.run(`sg_persist --out ${action} ${this.#disk}`);
  }
}

test('two Linux guests share a logical unit', async (t) => {
  if (!requires(t, ...guestNeeds)) return;
  const files = await initiatorGuest({ onProgress: (what) => t.diagnostic(what) });
  const image = join(temporaryDirectory(t), 'shared.img');
  writeFileSync(image, '');
  truncateSync(image, 64 << 20);

  await using cleanup = new AsyncDisposableStack();
  const network = cleanup.use(await makeNetwork({ purpose: 'shared-unit' }));
  let target = await TargetProgram.startIn(network, image);
  cleanup.defer(() => target[Symbol.asyncDispose]());
  const start = async (name: string, number: number) =>
    cleanup.use(await startLinuxInitiator({ network, files, name, number }));
  const [first, second] = await Promise.all([start('alice', 2), start('bob', 3)]);
  const alice = new Node(first.guest, await first.iscsi.login(), 'a11ce');
  const bob = new Node(second.guest, await second.iscsi.login(), 'b0b');
  const identity = await alice.identity();

  await t.test('both see one identity, and so do two sessions of one guest (SPC-4 §7.8.6)', async () => {
    assert.match(identity, /NAA.*T10 vendor identification/s);
    assert.equal(await bob.identity(), identity);
    const disks = await second.iscsi.loginAgain();
    assert.equal(disks.length, 2);
    for (const disk of disks) assert.equal(await bob.identity(disk), identity);
  });

  await t.test('without a reservation both write', async () => {
    await alice.write('alice');
    assert.equal(await bob.read(), 'alice');
    await bob.write('bob');
    assert.equal(await alice.read(), 'bob');
  });

  await t.test('write exclusive, registrants only: who is not registered reads, and writes once it is', async () => {
    await alice.register();
    await alice.reserve(writeExclusiveRegistrantsOnly);
    await alice.write('alice');
    await assert.rejects(bob.write('bob'), reservationConflict);
    assert.equal(await bob.read(), 'alice');
    await bob.register();
    await bob.write('bob');
    assert.equal(await alice.read(), 'bob');
    await alice.release(writeExclusiveRegistrantsOnly);
  });

  await t.test('exclusive access: the other neither writes nor reads, registered or not', async () => {
    await alice.reserve(exclusiveAccess);
    await alice.write('alice');
    await assert.rejects(bob.write('bob'), reservationConflict);
    await assert.rejects(bob.read(), reservationConflict);
    assert.equal(await alice.read(), 'alice');
    // A conflict comes before what a registrant has to be told of the release (SAM-5, status precedence).
    await assert.rejects(bob.reservations(), /Unit Attention.*Reservations released/s);
  });

  const held = { keys: ['a11ce', 'b0b'], holder: 'a11ce', type: 'Exclusive Access' };

  await t.test('a reservation that is to outlive power loss is there after kill -9 (APTPL)', async () => {
    assert.deepEqual(await bob.reservations(), held);
    await target.stop('SIGKILL');
    target = await TargetProgram.startIn(network, image);
    await Promise.all([first.iscsi.recovered(1), second.iscsi.recovered(2)]);
    assert.deepEqual(await bob.reservations(), held);
    await assert.rejects(bob.write('bob'), reservationConflict);
    assert.equal(await alice.read(), 'alice');
    assert.equal(await alice.identity(), identity);
  });

  await t.test('preempt moves it to the other guest, and the one it was taken from is told', async () => {
    await bob.preempt(alice, exclusiveAccess);
    await assert.rejects(alice.reservations(), /Unit Attention.*Registrations preempted/s);
    assert.deepEqual(await bob.reservations(), { ...held, keys: ['b0b'], holder: 'b0b' });
    await bob.write('bob');
    await assert.rejects(alice.write('alice'), reservationConflict);
    await assert.rejects(alice.read(), reservationConflict);
    assert.equal(await bob.read(), 'bob');
  });

  await t.test(
    'preempt and abort takes it from a guest in the middle of its writes (SPC-4, PREEMPT AND ABORT)',
    async () => {
      await bob.release(exclusiveAccess);
      await alice.register();
      await alice.reserve(writeExclusive);
      // Nobody answers a command that was aborted for another initiator (TAS is 0): the kernel has to ask. All commands that it has
      // under way are answered much sooner, even where guests are slow.
      await alice.setPatience(10);
      const writing = await alice.startFilling('0xaa');
      await writing.hasWritten(2 * filled.size);
      const aborts = await first.iscsi.aborts();
      await bob.preempt(alice, writeExclusive, 'preempt-abort');
      await bob.fill('0xbb');
      await assert.rejects(writing.ended(), reservationConflict);
      assert.ok((await first.iscsi.aborts()) > aborts, 'some were under way, and were never answered');
      await bob.isFilledWith('0xbb');
      assert.deepEqual(await bob.reservations(), { keys: ['b0b'], holder: 'b0b', type: 'Write Exclusive' });
      await assert.rejects(alice.write('alice'), reservationConflict);
      await alice.isFilledWith('0xbb');
    },
  );

  await t.test('when it is cleared both write again', async () => {
    await bob.clear();
    assert.deepEqual(await alice.reservations(), { keys: [], holder: undefined, type: undefined });
    await alice.write('alice');
    assert.equal(await bob.read(), 'alice');
  });
});
