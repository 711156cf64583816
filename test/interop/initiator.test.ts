/** Our initiator against tgtd, on the loopback interface, with the backing file as the judge. */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  formatPortal,
  Initiator,
  openRemoteDevice,
  type Portal,
  type RemoteDevice,
  reportLuns,
  type Session,
} from '../../src/initiator/index.ts';
import { systemClock } from '../../src/os/clock.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';
import { encodeLun } from '../../src/scsi/lun.ts';
import { freePort } from '../support/free-port.ts';
import { seededRandom } from '../support/random.ts';
import { requires, root } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { startTgtd, type Tgtd } from '../support/tgtd.ts';

const targetName = 'iqn.2001-04.com.example:disk';
const host = '127.0.0.1';
const size = 32 << 20;
const peers = ['tgtd', 'tgtadm', root] as const;

interface Rig extends AsyncDisposable {
  readonly portal: Portal;
  readonly tgtd: Tgtd;
  readonly file: string;
  readonly initiator: Initiator;
}

async function start(t: TestContext, options: Partial<ConstructorParameters<typeof Initiator>[0]> = {}): Promise<Rig> {
  const file = join(temporaryDirectory(t), 'disk.img');
  writeFileSync(file, new Uint8Array(size));
  const portal = { host, port: await freePort() };
  const tgtd = await startTgtd({ portal: formatPortal(portal), targetName, files: [file] });
  const initiatorName = 'iqn.2001-04.com.example:client';
  const initiator = new Initiator({ network: nodeNetwork, clock: systemClock, initiatorName, ...options });
  return { portal, tgtd, file, initiator, [Symbol.asyncDispose]: () => tgtd.kill() };
}

/** Random writes of all sizes, many at a time, without overlaps; then the same ranges read back and compared with the file. */
async function exercise(device: RemoteDevice, file: string, seed: number): Promise<void> {
  const random = seededRandom(seed);
  const expected = new Uint8Array(size);
  const regions = Array.from({ length: 64 }, (_, index) => {
    const room = size / 64;
    const length = 512 * (1 + random.below(random.oneIn(4) ? room / 512 : 16));
    const offset = index * room + 512 * random.below((room - length) / 512 + 1);
    const data = Uint8Array.from({ length }, () => random.below(256));
    expected.set(data, offset);
    const cut = random.below(length);
    return { offset, length, parts: [data.subarray(0, cut), data.subarray(cut)] };
  });
  await Promise.all(regions.map(({ offset, parts }) => device.write(offset, parts)));
  await device.flush();
  assert.ok(readFileSync(file).equals(expected), 'what was written is in the file');
  await Promise.all(
    regions.map(async ({ offset, length }) => {
      const read = Buffer.concat(await device.read(offset, length));
      assert.ok(read.equals(expected.subarray(offset, offset + length)), `${length} bytes at ${offset}`);
    }),
  );
}

test('discovery, login, and a disk that is written, flushed and read', async (t) => {
  if (!requires(t, ...peers)) return;
  await using rig = await start(t);
  const [found] = await rig.initiator.discover(rig.portal);
  assert.deepEqual(found, { name: targetName, addresses: [{ ...rig.portal, portalGroupTag: 1 }] });

  await using session: Session = await rig.initiator.login(rig.portal, targetName);
  assert.deepEqual(await reportLuns(session, systemClock), [0, 1]);
  const device = await openRemoteDevice(session, encodeLun(1), systemClock);
  assert.equal(device.size, size);
  assert.equal(device.blockSize, 512);
  await exercise(device, rig.file, 1);

  await device.writeZeroes(4096, 1 << 20);
  await device.flush();
  assert.ok(
    readFileSync(rig.file)
      .subarray(4096, 4096 + (1 << 20))
      .every((byte) => byte === 0),
  );
  await assert.rejects(device.read(size, 512), { code: 'DEVICE_IO' });
});

for (const [name, wishes] of Object.entries({
  'digests on headers and data': { headerDigest: ['CRC32C'], dataDigest: ['CRC32C'] },
  'no immediate data': { immediateData: false },
  'small bursts': { maxBurstLength: 4096, firstBurstLength: 2048, maxRecvDataSegmentLength: 1024 },
} as const)) {
  test(`the same with ${name}`, async (t) => {
    if (!requires(t, ...peers)) return;
    await using rig = await start(t, { wishes });
    // tgtd answers None to a digest unless it is told otherwise.
    for (const key of ['HeaderDigest', 'DataDigest']) {
      rig.tgtd.administer('--op', 'update', '--mode', 'target', '--tid', '1', '--name', key, '--value', 'CRC32C');
    }
    await using session = await rig.initiator.login(rig.portal, targetName);
    for (const [key, value] of Object.entries(wishes)) {
      const agreed = { ...session.parameters }[key as keyof typeof session.parameters];
      assert.equal(agreed, Array.isArray(value) ? true : value, key);
    }
    await exercise(await openRemoteDevice(session, encodeLun(1), systemClock), rig.file, 2);
  });
}

const chap = {
  initiator: { name: 'client', secret: new TextEncoder().encode('a secret of the client') },
  target: { name: 'server', secret: new TextEncoder().encode('a secret of the server') },
};
const wrong = { name: 'client', secret: new TextEncoder().encode('some other secret') };

/** tgtd takes algorithm 7 for SHA-1, where the IANA registry has SHA-256: of all that is offered by default, MD5 is what both know. */
test('CHAP in both directions lets in who knows the secrets, and nobody else', async (t) => {
  if (!requires(t, ...peers)) return;
  await using rig = await start(t, { chap });
  for (const [{ name, secret }, ...direction] of [[chap.initiator], [chap.target, '--outgoing']] as const) {
    const text = new TextDecoder().decode(secret);
    rig.tgtd.administer('--op', 'new', '--mode', 'account', '--user', name, '--password', text);
    rig.tgtd.administer('--op', 'bind', '--mode', 'account', '--tid', '1', '--user', name, ...direction);
  }
  await using session = await rig.initiator.login(rig.portal, targetName);
  assert.equal((await openRemoteDevice(session, encodeLun(1), systemClock)).size, size);

  const others = { network: nodeNetwork, clock: systemClock, initiatorName: 'iqn.2001-04.com.example:other' };
  for (const credentials of [{ initiator: wrong }, { initiator: chap.initiator, target: wrong }]) {
    const initiator = new Initiator({ ...others, chap: credentials });
    await assert.rejects(initiator.login(rig.portal, targetName), { code: 'ISCSI_LOGIN_AUTH_FAILED' });
  }
  await assert.rejects(new Initiator(others).login(rig.portal, targetName), { code: 'ISCSI_LOGIN_AUTH_FAILED' });
  const chosen = new Initiator({ ...others, chap: { initiator: chap.initiator }, chapAlgorithms: [7, 5] });
  await assert.rejects(chosen.login(rig.portal, targetName), { code: 'ISCSI_LOGIN_INITIATOR_ERROR' });
});

test('a write-protected disk says so', async (t) => {
  if (!requires(t, ...peers)) return;
  await using rig = await start(t);
  rig.tgtd.administer('--op', 'update', '--mode', 'logicalunit', '--tid', '1', '--lun', '1', '-P', 'readonly=1');
  await using session = await rig.initiator.login(rig.portal, targetName);
  const device = await openRemoteDevice(session, encodeLun(1), systemClock);
  assert.equal(device.readOnly, true);
  await assert.rejects(device.write(0, [new Uint8Array(512)]), { code: 'DEVICE_READ_ONLY' });
});

test('a target that freezes is noticed, and a target that is killed too', async (t) => {
  if (!requires(t, ...peers)) return;
  await using rig = await start(t, { timeouts: { keepaliveInterval: 200, keepaliveTimeout: 300 } });
  const session = await rig.initiator.login(rig.portal, targetName);
  rig.tgtd.freeze();
  assert.match(String(await session.closed), /did not answer/);
  rig.tgtd.thaw();

  const second = await rig.initiator.login(rig.portal, targetName);
  await rig.tgtd.kill();
  assert.ok((await second.closed) instanceof Error);
  await assert.rejects(rig.initiator.login(rig.portal, targetName), { code: 'NETWORK_REFUSED' });
});
