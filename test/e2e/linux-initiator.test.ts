/**
 * The initiator of the Linux kernel, in a guest, against `diskless target`: proof of who both sides are, digests, a file system, and
 * fio, which checks every block that it wrote, also while connections are cut and the target is killed.
 */
import assert from 'node:assert/strict';
import { chmodSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { initiatorGuest } from '../../scripts/initiator-guest/build.ts';
import { Fio } from '../support/machine/fio.ts';
import { startLinuxInitiator } from '../support/machine/linux-initiator.ts';
import { guestNeeds } from '../support/machine/needs.ts';
import { makeNetwork } from '../support/machine/network.ts';
import { listenOnWire } from '../support/machine/wire.ts';
import { requires } from '../support/requires.ts';
import { TargetProgram } from '../support/target-program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const MIB = 1 << 20;

const secrets = { alice: 'correct horse battery', disk: 'what the disk knows' } as const;

test('the Linux kernel’s initiator', async (t) => {
  if (!requires(t, ...guestNeeds, 'ss', 'tshark')) return;
  const files = await initiatorGuest({ onProgress: (what) => t.diagnostic(what) });
  const folder = temporaryDirectory(t);
  const image = join(folder, 'disk.img');
  writeFileSync(image, '');
  truncateSync(image, 256 * MIB);
  const chapFile = join(folder, 'chap');
  writeFileSync(chapFile, `initiator alice ${secrets.alice}\ntarget disk ${secrets.disk}\n`);
  chmodSync(chapFile, 0o600);

  await using cleanup = new AsyncDisposableStack();
  const network = cleanup.use(await makeNetwork({ purpose: 'linux-initiator' }));
  const startTarget = () => TargetProgram.startIn(network, image, '--chap-file', chapFile);
  let target = await startTarget();
  cleanup.defer(() => target[Symbol.asyncDispose]());
  const { guest, iscsi } = cleanup.use(await startLinuxInitiator({ network, files, name: 'linux', number: 2 }));

  await t.test('a target that cannot prove who it is is not used (RFC 7143 §12.1.3)', async () => {
    await iscsi.configure({
      'node.session.auth.authmethod': 'CHAP',
      'node.session.auth.username': 'alice',
      'node.session.auth.password': secrets.alice,
      'node.session.auth.username_in': 'disk',
      'node.session.auth.password_in': 'another secret of it',
      'node.conn[0].iscsi.HeaderDigest': 'CRC32C',
      'node.conn[0].iscsi.DataDigest': 'CRC32C',
    });
    await assert.rejects(iscsi.login(), /non-retryable iSCSI login failure/);
    assert.match(await iscsi.log(), /incorrect CHAP response from target/);
    await iscsi.configure({ 'node.session.auth.password_in': secrets.disk });
  });

  // The first is the strongest that open-iscsi knows.
  let logins = 0;
  for (const algorithm of ['SHA3-256', 'MD5']) {
    await t.test(`digests, and CHAP both ways by ${algorithm}: a file is there after logout and login`, async () => {
      await iscsi.configure({ 'node.session.auth.chap_algs': algorithm });
      let disk = await iscsi.login();
      const session = await iscsi.session();
      assert.equal(session.get('HeaderDigest'), 'CRC32C');
      assert.equal(session.get('DataDigest'), 'CRC32C');
      await guest.run(`mke2fs -q -t ext4 ${disk} 64M && mount -t ext4 ${disk} /mnt`);
      const written = await guest.run(
        'dd if=/dev/urandom of=/mnt/file bs=1M count=8 2> /dev/null; sha256sum /mnt/file',
      );
      await guest.run('umount /mnt');
      await iscsi.logout();
      disk = await iscsi.login();
      await guest.run(`e2fsck -f -n ${disk} && mount -t ext4 -o ro ${disk} /mnt`);
      assert.equal(await guest.run('sha256sum /mnt/file'), written);
      await guest.run('umount /mnt');
      await iscsi.logout();
      logins += 2;
      const untilInUse = (await iscsi.log()).split('is operational').slice(0, -1);
      const { length } = untilInUse;
      if (length !== logins) assert.fail(`${length} logins:\n${await iscsi.losses()}\nthe target:\n${target.said}`);
      for (const login of untilInUse) assert.match(login, /initiator authenticated target/);
    });
  }

  const disk = await iscsi.login();

  await t.test(
    'fio finds what it wrote: in order and at random, in blocks of many sizes, by several jobs',
    async () => {
      const jobs = { size: '8M', numjobs: 3, offset_increment: '8M', verify_backlog: 64 };
      const size = 3 * 8 * MIB;
      const sequential = await Fio.run(guest, disk, { ...jobs, rw: 'write', bs: '64k', iodepth: 8, verify: 'sha256' });
      assert.deepEqual(sequential, { read: size, written: size, trimmed: 0 });
      const mixed = { bssplit: '4k/40:16k/30:64k/20:256k/10', iodepth: 16, verify: 'crc32c' };
      const random = await Fio.run(guest, disk, { ...jobs, ...mixed, rw: 'randwrite' });
      assert.deepEqual(random, { read: size, written: size, trimmed: 0 });
    },
  );

  await t.test('trimmed and zeroed blocks read as zeros, and those between them as they were', async () => {
    const blocks = { bs: '4k', size: '2M', iodepth: 8 };
    const everySecond = { ...blocks, rw: 'read:4k' };
    const zeros = { verify: 'pattern', verify_pattern: '0x00' };
    const half = MIB;
    await Fio.run(guest, disk, { ...blocks, rw: 'write', verify: 'crc32c' });
    assert.equal((await Fio.run(guest, disk, { ...blocks, rw: 'trim:4k' })).trimmed, half);
    assert.equal((await Fio.run(guest, disk, { ...everySecond, ...zeros })).read, half);
    assert.equal((await Fio.run(guest, disk, { ...everySecond, offset: '4k', verify: 'crc32c' })).read, half);
    await assert.rejects(Fio.run(guest, disk, { ...blocks, ...zeros, rw: 'read' }), /verify failed/, 'fio sees others');
    await guest.run(`blkdiscard --zeroout --offset 512K --length 1M ${disk}`);
    assert.equal(
      (await Fio.run(guest, disk, { ...blocks, ...zeros, rw: 'read', offset: '512k', size: '1M' })).read,
      half,
    );
    const rewritten = await Fio.run(guest, disk, { ...blocks, rw: 'randtrimwrite', size: '512k', verify: 'crc32c' });
    assert.deepEqual(rewritten, { read: MIB / 2, written: MIB / 2, trimmed: MIB / 2 });
  });

  await t.test(
    'connections are cut and the target is killed while fio writes and checks: every block is right',
    async () => {
      const size = 48 * MIB;
      const checked = { rw: 'randwrite', iodepth: 16, verify: 'crc32c', verify_backlog: 64 };
      const fio = await Fio.start(
        guest,
        disk,
        { ...checked, size: '16M', numjobs: 2, offset_increment: '16M', bssplit: '4k/40:16k/30:64k/20:256k/10' },
        // The same blocks again and again: a write of a lost connection must not come after a newer one.
        { ...checked, offset: '32M', size: '1M', io_size: '16M', bs: '16k', norandommap: true, serialize_overlap: 1 },
      );
      const interruptions = ['cut', 'kill', 'cut', 'cut'] as const;
      for (const [index, interruption] of interruptions.entries()) {
        await fio.hasWritten(((index + 1) * size) / (interruptions.length + 2));
        if (interruption === 'cut') {
          assert.equal(await network.cutConnections(target.port), 1);
        } else {
          await target.stop('SIGKILL');
          target = await startTarget();
        }
        await iscsi.recovered(index + 1);
      }
      const { read } = await fio.ended();
      assert.ok(read >= 32 * MIB, 'what was written once is checked');
    },
  );

  await t.test(
    'a guest that stands still is asked, and answers when it goes on (RFC 7143 §11.18, §11.19)',
    async () => {
      await iscsi.logout();
      await using wire = await listenOnWire({
        network,
        capture: `tcp port ${target.port}`,
        show: 'iscsi.opcode in {0x00, 0x20}',
        fields: ['iscsi.opcode', 'iscsi.targettransfertag'],
      });
      const disk = await iscsi.login();
      const recoveries = await iscsi.recoveries();
      const none = '0xffffffff';
      // The target asks only those who know NOPs: the guest's own, which is answered, comes first.
      await wire.heard(new RegExp(`^0x20\\t${none}$`, 'm'), 60_000);
      await guest.pause();
      const [, question = ''] = await wire.heard(new RegExp(`^0x20\\t(?!${none})(.+)$`, 'm'), 60_000);
      await guest.resume();
      await wire.heard(new RegExp(`^0x00\\t${question}$`, 'm'), 60_000);
      await Fio.run(guest, disk, { rw: 'write', bs: '64k', size: '1M', verify: 'crc32c' });
      assert.equal(await iscsi.recoveries(), recoveries);
    },
  );

  await t.test('after logout the target that is told to stop ends with 0', async () => {
    await iscsi.logout();
    assert.equal(await target.stop(), 0);
  });
});
