/**
 * A copy-on-write disk under the Linux kernel's initiator, whose target is killed while fio writes, trims and flushes: what was
 * acknowledged is there when the target is back, and what was flushed would be there after a power cut too.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { initiatorGuest } from '../../scripts/initiator-guest/build.ts';
import type { FileSystem } from '../../src/os/file.ts';
import { nodeFileSystem } from '../../src/os/node-file-system.ts';
import { Fio } from '../support/machine/fio.ts';
import { startLinuxInitiator } from '../support/machine/linux-initiator.ts';
import { guestNeeds } from '../support/machine/needs.ts';
import { makeNetwork } from '../support/machine/network.ts';
import { imageIn, openOverlayIn } from '../support/overlay-target.ts';
import { requires } from '../support/requires.ts';
import { TargetProgram } from '../support/target-program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const KIB = 1 << 10;
const MIB = 1 << 20;

/** Bytes of the disk. */
const size = 20 * MIB;
/** What is written, trimmed and flushed before anything is killed. fio works before it while the target is killed. */
const flushed = { offset: 8 * MIB, size: 8 * MIB } as const;
/** Nobody writes here. */
const untouched = { offset: 16 * MIB, size: 4 * MIB } as const;

interface Range {
  readonly offset: number;
  readonly size: number;
}

const secrets = { alice: 'correct horse battery', disk: 'what the disk knows' } as const;
const proofs = {
  'node.session.auth.authmethod': 'CHAP',
  'node.session.auth.username': 'alice',
  'node.session.auth.password': secrets.alice,
  'node.session.auth.username_in': 'disk',
  'node.session.auth.password_in': secrets.disk,
  'node.conn[0].iscsi.HeaderDigest': 'CRC32C',
  'node.conn[0].iscsi.DataDigest': 'CRC32C',
} as const;

/** What fio writes: blocks of many sizes in any order, each with its checksum. */
const writes = { rw: 'randwrite', bssplit: '4k/40:16k/30:32k/20:64k/10', iodepth: 16, verify: 'crc32c' } as const;

/** A kernel that was started anew: of what was written, only what a flush has said is durable is believed. */
const afterPowerCut: FileSystem = { ...nodeFileSystem, bootId: () => '00000000-0000-4000-8000-000000000000' };

function digestOf(parts: Iterable<Uint8Array>): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** Of the disk in a folder, read without any target. */
async function digestOfDisk(folder: string, range: Range, fileSystem = nodeFileSystem): Promise<string> {
  await using opened = new AsyncDisposableStack();
  const disk = await openOverlayIn(opened, fileSystem, folder);
  assert.equal(disk.size, size);
  return digestOf(await disk.read(range.offset, range.size));
}

test('a copy-on-write disk under the Linux kernel’s initiator', async (t) => {
  if (!requires(t, ...guestNeeds)) return;
  const files = await initiatorGuest({ onProgress: (what) => t.diagnostic(what) });
  const folder = temporaryDirectory(t);
  const chapFile = join(folder, 'chap');
  writeFileSync(chapFile, `initiator alice ${secrets.alice}\ntarget disk ${secrets.disk}\n`);
  chmodSync(chapFile, 0o600);
  const disks = join(folder, 'disk');
  mkdirSync(disks);
  // No two words of the image are the same, and none is zero.
  const image = Buffer.from(new Uint32Array(size / 4).map((_, index) => index + 1).buffer);
  writeFileSync(imageIn(disks), image);

  await using cleanup = new AsyncDisposableStack();
  const network = cleanup.use(await makeNetwork({ purpose: 'copy-on-write' }));
  const startTarget = () => TargetProgram.startOverlayIn(network, disks, chapFile);
  let target = await startTarget();
  cleanup.defer(() => target[Symbol.asyncDispose]());
  const { guest, iscsi } = cleanup.use(await startLinuxInitiator({ network, files, name: 'copy-on-write', number: 2 }));
  await iscsi.configure(proofs);
  const disk = await iscsi.login();
  /** SHA-256 of what the guest sees of the disk, past its page cache. */
  const seen = async (range: Range) => {
    const blocks = `bs=1M skip=${range.offset / MIB} count=${range.size / MIB}`;
    const sum = await guest.run(`dd if=${disk} ${blocks} iflag=direct 2> /dev/null | sha256sum`);
    return sum.slice(0, 64);
  };

  await t.test('both sides prove who they are, headers and data have digests, and the image shows', async () => {
    assert.match(await iscsi.log(), /initiator authenticated target/);
    const session = await iscsi.session();
    assert.equal(session.get('HeaderDigest'), 'CRC32C');
    assert.equal(session.get('DataDigest'), 'CRC32C');
    assert.equal(await seen({ offset: 0, size: 4 * MIB }), digestOf([image.subarray(0, 4 * MIB)]));
  });

  await t.test('fio finds what it wrote into blocks from their middle on, and zeros where it trimmed', async () => {
    const { offset } = flushed;
    const shifted = { ...writes, bssplit: '4k/60:16k/40', offset: offset + 512, size: 2 * MIB - 64 * KIB };
    const written = await Fio.run(guest, disk, shifted);
    assert.deepEqual(written, { read: shifted.size, written: shifted.size, trimmed: 0 });
    const trimmed = { bs: '4k', offset: offset + 2 * MIB, size: 2 * MIB };
    assert.equal((await Fio.run(guest, disk, { ...trimmed, rw: 'trim:4k' })).trimmed, MIB);
    const zeros = { ...trimmed, rw: 'read:4k', verify: 'pattern', verify_pattern: '0x00' } as const;
    assert.equal((await Fio.run(guest, disk, zeros)).read, MIB);
  });

  await t.test(
    'what was flushed is durable, and no block is wrong, when the target is killed amid writes',
    async () => {
      const flushes = { fsync: 32, end_fsync: 1 } as const;
      await Fio.run(guest, disk, { ...writes, ...flushes, offset: flushed.offset + 4 * MIB, size: 4 * MIB });
      const promised = await seen(flushed);
      const total = 9 * MIB;
      const again = { bs: '16k', iodepth: 16, verify: 'crc32c' } as const;
      const fio = await Fio.start(
        guest,
        disk,
        // It begins where the disk does: from anywhere else, fio only trims.
        { ...again, rw: 'randtrimwrite', size: 2 * MIB },
        { ...writes, ...flushes, verify_backlog: 64, offset: 2 * MIB, size: 4 * MIB },
        // The same blocks again and again: a write of a lost connection must not come after a newer one.
        {
          ...{ ...again, rw: 'randwrite', verify_backlog: 64, norandommap: true, serialize_overlap: 1 },
          ...{ offset: 6 * MIB, size: MIB, io_size: 3 * MIB },
        },
      );
      for (const round of [1, 2]) {
        await fio.hasWritten((round * total) / 4);
        await target.stop('SIGKILL');
        const cut = join(folder, `cut-${round}`);
        cpSync(disks, cut, { recursive: true });
        target = await startTarget();
        assert.equal(await digestOfDisk(cut, flushed, afterPowerCut), promised);
        await iscsi.recovered(round);
      }
      const { read, written, trimmed } = await fio.ended();
      assert.deepEqual({ written, trimmed }, { written: total, trimmed: 2 * MIB });
      assert.ok(read >= 6 * MIB, 'what was written once is checked');
    },
  );

  await t.test('the disk as its host reads it is the one that the guest sees, and the image is as it was', async () => {
    const whole = { offset: 0, size };
    const last = await seen(whole);
    assert.equal(await seen(untouched), digestOf([image.subarray(untouched.offset)]));
    await iscsi.logout();
    assert.equal(await target.stop(), 0);
    assert.equal(await digestOfDisk(disks, whole), last);
    assert.equal(await digestOfDisk(disks, whole, afterPowerCut), last);
    assert.deepEqual(readFileSync(imageIn(disks)), image);
  });
});
