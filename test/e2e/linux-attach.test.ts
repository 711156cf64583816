/**
 * `diskless boot --attach` in a Linux guest, both ways: the kernel's NBD client over our session, and, in a kernel that has none, its own
 * iSCSI initiator. The block device takes a file system, and is gone with the program.
 */
import assert from 'node:assert/strict';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { initiatorGuest } from '../../scripts/initiator-guest/build.ts';
import { startGuest } from '../support/machine/guest.ts';
import { guestNeeds } from '../support/machine/needs.ts';
import { makeNetwork } from '../support/machine/network.ts';
import { ProgramInGuest, shareProgram } from '../support/machine/program-in-guest.ts';
import { requires } from '../support/requires.ts';
import { PROGRAM_TARGET_NAME, TargetProgram } from '../support/target-program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const consoles = join(import.meta.dirname, '..', '..', '.cache', 'consoles');
const patience = 120_000;
const MIB = 1 << 20;

test('`diskless boot --attach` in Linux', async (t) => {
  if (!requires(t, ...guestNeeds)) return;
  const files = await initiatorGuest({ onProgress: (what) => t.diagnostic(what) });
  const image = join(temporaryDirectory(t), 'disk.img');
  writeFileSync(image, '');
  truncateSync(image, 64 * MIB);
  mkdirSync(consoles, { recursive: true });
  await using cleanup = new AsyncDisposableStack();
  const network = cleanup.use(await makeNetwork({ purpose: 'linux-attach' }));
  const target = cleanup.use(await TargetProgram.startIn(network, image));
  const log = join(consoles, 'linux-attach.log');
  const hardware = await shareProgram(temporaryDirectory(t));
  const guest = cleanup.use(await startGuest({ network, files, number: 2, memory: 768, hardware, log }));
  const attach = async () => {
    const rootPath = `iscsi:${network.address}::::${PROGRAM_TARGET_NAME}`;
    const boot = await ProgramInGuest.start(guest, 'boot', '--root-path', rootPath, '--attach');
    const [, disk = ''] = await boot.said(/the disk is (\/dev\/[a-z]+[0-9]*) until/);
    return { boot, disk };
  };
  const connections = async () => Number(await guest.run("grep -c ':0CBC 01 ' /proc/net/tcp || true"));
  let written = '';

  await t.test('by the kernel’s NBD client: a file system on /dev/nbd0, which ends with the program', async () => {
    const { boot, disk } = await attach();
    assert.equal(disk, '/dev/nbd0');
    assert.equal(Number(await guest.run(`blockdev --getsize64 ${disk}`)), 64 * MIB);
    await guest.run(`mke2fs -q -t ext4 ${disk} 32M && mount -t ext4 ${disk} /mnt`, patience);
    written = await guest.run(
      'dd if=/dev/urandom of=/mnt/file bs=1M count=4 2> /dev/null; sha256sum /mnt/file',
      patience,
    );
    await guest.run('umount /mnt', patience);
    assert.equal(await connections(), 1);
    assert.equal(await boot.stop(), 0);
    await guest.run('[ ! -e /sys/block/nbd0/pid ] && [ "$(blockdev --getsize64 /dev/nbd0)" -eq 0 ]');
    assert.equal(await connections(), 0);
  });

  await t.test(
    'by the kernel’s own initiator, where there is no NBD client: a session of its own, logged out of',
    async () => {
      await guest.run('rmmod nbd && rm /lib/modules/*/kernel/drivers/block/nbd.ko');
      await guest.run('echo InitiatorName=iqn.2026-11.internal.test:attach > /etc/iscsi/initiatorname.iscsi && iscsid');
      const { boot, disk } = await attach();
      assert.match(disk, /^\/dev\/sd[a-z]$/);
      await guest.run("iscsiadm -m session -P 1 | grep 'Iface Initiatorname: iqn.2026-11.internal.diskless:client-'");
      await guest.until(`[ -b ${disk} ]`);
      await guest.run(`e2fsck -f -n ${disk} && mount -t ext4 ${disk} /mnt`, patience);
      assert.equal(await guest.run('sha256sum /mnt/file'), written);
      await guest.run('echo more > /mnt/more && umount /mnt', patience);
      // Ours, and the kernel's.
      assert.equal(await connections(), 2);
      assert.equal(await boot.stop(), 0);
      await guest.run(`[ ! -b ${disk} ] && ! ls -d /sys/class/iscsi_session/session*`);
      await guest.run('! iscsiadm -m node');
      assert.equal(await connections(), 0);
    },
  );

  assert.equal(await target.stop(), 0);
});
