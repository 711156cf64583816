/**
 * What the target tells by Async Messages, and what the Linux kernel's initiator and its daemon make of it while fio writes and
 * checks what it wrote (RFC 7143 §11.9.1).
 */
import assert from 'node:assert/strict';
import { truncateSync, writeFileSync } from 'node:fs';
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

/** Seconds that an initiator has for its logout. */
const logoutTime = 5;

/** Milliseconds. */
const patience = 60_000;

test('Linux hears what the target tells it, comes back, and its I/O goes on', async (t) => {
  if (!requires(t, ...guestNeeds, 'tshark')) return;
  const files = await initiatorGuest({ onProgress: (what) => t.diagnostic(what) });
  const image = join(temporaryDirectory(t), 'disk.img');
  writeFileSync(image, '');
  truncateSync(image, 64 * MIB);

  await using cleanup = new AsyncDisposableStack();
  const network = cleanup.use(await makeNetwork({ purpose: 'async-message' }));
  const startTarget = () => TargetProgram.startAskingIn(network, image, logoutTime);
  let target = await startTarget();
  cleanup.defer(() => target[Symbol.asyncDispose]());
  const { guest, iscsi } = cleanup.use(await startLinuxInitiator({ network, files, name: 'async-message', number: 2 }));
  const wire = cleanup.use(
    await listenOnWire({
      network,
      capture: `tcp port ${target.port}`,
      show: 'iscsi.opcode in {0x03, 0x06, 0x32}',
      fields: ['iscsi.opcode', 'iscsi.asyncevent'],
    }),
  );
  const disk = await iscsi.login();
  const size = 16 * MIB;
  /** Settles when fio is at work. */
  const startFio = async () => {
    const blocks = { rw: 'randwrite', size, bssplit: '4k/50:64k/50', iodepth: 16 };
    const fio = await Fio.start(guest, disk, { ...blocks, verify: 'crc32c', verify_backlog: 64 });
    await fio.hasWritten(size / 8);
    return fio;
  };
  /** Every block that it wrote is right. */
  const checkFio = async (fio: Fio) => assert.deepEqual(await fio.ended(), { read: size, written: size, trimmed: 0 });
  // A segment may bring several PDUs.
  const heard = (opcode: string, event = '') =>
    wire.heard(new RegExp(`^(?:0x..,)*${opcode}(?:,0x..)*\\t${event}$`, 'm'), patience);
  const login = '0x03';
  const logout = '0x06';
  const asyncMessage = '0x32';
  await heard(login);

  await t.test('event 1, a logout is asked for: it logs out in time, and logs in again', async () => {
    const fio = await startFio();
    target.askForLogout();
    await heard(asyncMessage, '0x01');
    await heard(logout);
    await heard(login);
    await iscsi.recovered(1);
    assert.match(await iscsi.log(), /Target requests logout within 5 seconds/);
    await checkFio(fio);
  });

  await t.test('event 2, its connection is dropped, as it did not log out in time', async () => {
    const fio = await startFio();
    await guest.run('kill -STOP $(pidof iscsid)');
    target.askForLogout();
    await heard(asyncMessage, '0x01');
    await heard(asyncMessage, '0x02');
    await guest.run('kill -CONT $(pidof iscsid)');
    await heard(login);
    await iscsi.recovered(2);
    await checkFio(fio);
  });

  await t.test('event 3, the session is dropped by a target that stops: it finds the next one', async () => {
    const fio = await startFio();
    assert.equal(await target.stop(), 0);
    await heard(asyncMessage, '0x03');
    target = await startTarget();
    await heard(login);
    await iscsi.recovered(3);
    assert.match(await iscsi.log(), /Target dropping all connections/);
    await checkFio(fio);
  });
  await iscsi.logout();
});
