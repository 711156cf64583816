/** Persistent reservations that initiators want kept (APTPL, SPC-4), at a machine's disk of the real `diskless serve`. */

import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { inOnePiece } from '../../src/bytes/index.ts';
import { Initiator, LogicalUnit, ScsiError, type Session } from '../../src/initiator/index.ts';
import { systemClock } from '../../src/os/clock.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';
import { encodeLun } from '../../src/scsi/lun.ts';
import { PersistentReserveInAction, PersistentReserveInCdb } from '../../src/scsi/persistent-reserve-in.ts';
import {
  PersistentReserveOutAction,
  PersistentReserveOutCdb,
  ReserveOutParameters,
} from '../../src/scsi/persistent-reserve-out.ts';
import { runCli } from '../cli/run-cli.ts';
import { writeBootableImage } from '../support/bootable-image.ts';
import { loopbackFlags, ServeProgram } from '../support/serve-program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const MAC = '52:54:00:ab:cd:01';
const TARGET = 'iqn.2026-11.internal.diskless:52-54-00-ab-cd-01';
const KEY = 0x0123_4567_89ab_cdefn;
const KEYS_LENGTH = 256;

function unitOf(session: Session): LogicalUnit {
  return new LogicalUnit(session, encodeLun(0), systemClock);
}

/** Registers a key that is to survive power loss. */
async function register(session: Session): Promise<void> {
  const list = ReserveOutParameters.encode({
    serviceActionReservationKey: KEY,
    activatePersistThroughPowerLoss: true,
  });
  const cdb = PersistentReserveOutCdb.encode({
    operationCode: 0x5f,
    serviceAction: PersistentReserveOutAction.register,
    parameterListLength: list.length,
  });
  await unitOf(session).command('PERSISTENT RESERVE OUT', { cdb, write: [list] });
}

async function registeredKeys(session: Session): Promise<bigint[]> {
  const cdb = PersistentReserveInCdb.encode({
    operationCode: 0x5e,
    serviceAction: PersistentReserveInAction.readKeys,
    allocationLength: KEYS_LENGTH,
  });
  const { data } = await unitOf(session).command('PERSISTENT RESERVE IN', { cdb, readLength: KEYS_LENGTH });
  const answer = Buffer.from(inOnePiece(data));
  return Array.from({ length: answer.readUInt32BE(4) / 8 }, (_, index) => answer.readBigUInt64BE(8 + 8 * index));
}

test('a registration with APTPL survives kill -9 of the server, and goes away with the disk', async (t) => {
  const directory = temporaryDirectory(t);
  const image = join(directory, 'golden.img');
  const content = Buffer.alloc(4 << 20);
  writeBootableImage(image, content);
  const data = join(directory, 'data');
  const { flags, iscsiPort } = await loopbackFlags(data);
  const initiatorName = 'iqn.2001-04.com.example:cluster-node';
  const initiator = new Initiator({ network: nodeNetwork, clock: systemClock, initiatorName });
  const login = () => initiator.login({ host: '127.0.0.1', port: iscsiPort }, TARGET);
  const notes = () => readdirSync(join(data, 'disks')).filter((name) => /\.(reservations|information)$/.test(name));

  {
    await using server = await ServeProgram.start([image, ...flags]);
    await using session = await login();
    assert.deepEqual(await registeredKeys(session), []);
    assert.deepEqual(notes(), [], 'nothing is made before it is asked for');
    await register(session);
    assert.equal(notes().length, 1);
    await server.end('SIGKILL');
  }
  {
    await using server = await ServeProgram.start([image, ...flags]);
    await using session = await login();
    assert.deepEqual(await registeredKeys(session), [KEY]);
    await assert.rejects(register(session), (error) => error instanceof ScsiError && error.code === 'SCSI_RESERVED');
    assert.equal(await server.end('SIGTERM'), 0);
  }
  // It never logged out, and no DHCP here sees it start again.
  const { code, stderr } = await runCli(['host', 'reset', MAC, '--off', '--data', data]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(readdirSync(join(data, 'disks')), []);
  {
    await using _server = await ServeProgram.start([image, ...flags]);
    await using session = await login();
    assert.deepEqual(await registeredKeys(session), []);
  }
  assert.ok(existsSync(image));
});
