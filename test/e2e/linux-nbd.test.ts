/** The NBD client of the Linux kernel, in a guest, on the disk that `diskless boot --nbd` serves: a file system, discards, and a killed target. */
import assert from 'node:assert/strict';
import { mkdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { initiatorGuest } from '../../scripts/initiator-guest/build.ts';
import { BootProgram } from '../support/boot-program.ts';
import { startGuest } from '../support/machine/guest.ts';
import { guestNeeds } from '../support/machine/needs.ts';
import { makeNetwork } from '../support/machine/network.ts';
import { requires } from '../support/requires.ts';
import { PROGRAM_TARGET_NAME, TargetProgram } from '../support/target-program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const consoles = join(import.meta.dirname, '..', '..', '.cache', 'consoles');
const patience = 120_000;
const MIB = 1 << 20;

test('the Linux kernel’s NBD client', async (t) => {
  if (!requires(t, ...guestNeeds)) return;
  const files = await initiatorGuest({ onProgress: (what) => t.diagnostic(what) });
  const folder = temporaryDirectory(t);
  const image = join(folder, 'disk.img');
  writeFileSync(image, '');
  truncateSync(image, 64 * MIB);
  mkdirSync(consoles, { recursive: true });
  await using cleanup = new AsyncDisposableStack();
  const network = cleanup.use(await makeNetwork({ purpose: 'linux-nbd' }));
  let target = await TargetProgram.startIn(network, image);
  cleanup.defer(() => target[Symbol.asyncDispose]());
  const rootPath = `iscsi:${network.address}::::${PROGRAM_TARGET_NAME}`;
  const place = `${network.address}:10809`;
  const boot = cleanup.use(await BootProgram.startIn(network, '--root-path', rootPath, '--nbd', place));
  const guest = cleanup.use(await startGuest({ network, files, number: 2, log: join(consoles, 'linux-nbd.log') }));
  const disk = '/dev/nbd0';
  const attach = () => guest.run(`nbd-client ${network.address} 10809 ${disk}`);
  const detach = () => guest.run(`blockdev --flushbufs ${disk} && nbd-client -d ${disk}`);
  let sum = '';

  await t.test('a file is there after the disk was detached and attached again', async () => {
    await attach();
    assert.equal(Number(await guest.run(`blockdev --getsize64 ${disk}`)), 64 * MIB);
    await guest.run(`mke2fs -q -t ext4 ${disk} 32M && mount -t ext4 ${disk} /mnt`, patience);
    sum = await guest.run('dd if=/dev/urandom of=/mnt/file bs=1M count=8 2> /dev/null; sha256sum /mnt/file', patience);
    await guest.run('umount /mnt', patience);
    await detach();
    await attach();
    await guest.run(`e2fsck -f -n ${disk} && mount -t ext4 ${disk} /mnt`, patience);
    assert.equal(await guest.run('sha256sum /mnt/file', patience), sum);
  });

  await t.test('what is discarded is a hole at the target, and reads as zeros', async () => {
    await guest.run('umount /mnt', patience);
    await guest.run(`dd if=/dev/urandom of=${disk} bs=1M seek=48 count=8 conv=fsync 2> /dev/null`, patience);
    const before = statSync(image).blocks;
    await guest.run(`blkdiscard --offset 48M --length 8M ${disk}`, patience);
    assert.equal(before - statSync(image).blocks, (8 * MIB) / 512);
    assert.equal(await guest.run(`dd if=${disk} bs=1M skip=48 count=8 2> /dev/null | tr -d '\\0' | wc -c`), '0');
  });

  await t.test('the target is killed under a write and started again: the kernel notices nothing', async () => {
    await guest.run(`mount -t ext4 ${disk} /mnt`, patience);
    target.freeze();
    const written = guest.run(
      'dd if=/dev/urandom of=/mnt/late bs=1M count=4 conv=fsync 2> /dev/null; sha256sum /mnt/late',
      patience,
    );
    await target.stop('SIGKILL');
    target = await TargetProgram.startIn(network, image);
    const late = await written;
    await guest.run('umount /mnt', patience);
    await detach();
    await attach();
    await guest.run(`e2fsck -f -n ${disk} && mount -t ext4 -o ro ${disk} /mnt`, patience);
    assert.equal(await guest.run('sha256sum /mnt/late', patience), late);
    assert.equal(await guest.run('sha256sum /mnt/file', patience), sum);
    await guest.run('umount /mnt', patience);
    await detach();
    assert.doesNotMatch(await guest.run('dmesg'), /I\/O error/);
  });

  assert.equal(await boot.stop(), 0);
  assert.deepEqual(boot.complaints, []);
});
