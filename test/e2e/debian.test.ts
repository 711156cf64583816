/**
 * An unmodified Debian on machines that have no disk, with `diskless serve` as the only server on their network.
 *
 * Emulated boots take a minute each, so two machines are up at a time and every claim about them is a test of its own:
 * first a BIOS and a UEFI machine that have never been seen; then the BIOS machine again, beside one whose firmware has no iPXE.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { test } from 'node:test';
import { debianImage } from '../../scripts/debian-image/build.ts';
import type { BootStepEvent } from '../../src/server/events.ts';
import { readBack, startWriting, stopWriting, written } from '../support/machine/durable-writing.ts';
import { type Firmware, type Machine, startMachine } from '../support/machine/machine.ts';
import { machineNeeds } from '../support/machine/needs.ts';
import { makeNetwork } from '../support/machine/network.ts';
import { type BootServer, startServer } from '../support/machine/server.ts';
import { requires } from '../support/requires.ts';

const logFolder = join(import.meta.dirname, '..', '..', '.cache', 'consoles');

const macs = { bios: '52:54:00:d1:5c:01', uefi: '52:54:00:d1:5c:02', uefiPxe: '52:54:00:d1:5c:03' } as const;

test('Debian on machines without disks', async (t) => {
  if (!requires(t, ...machineNeeds)) return;
  const image = await debianImage({ onProgress: (what) => t.diagnostic(what) });
  const goldenDigest = await sha256(image);
  await mkdir(logFolder, { recursive: true });

  await using cleanup = new AsyncDisposableStack();
  const data = await mkdtemp(join(tmpdir(), 'diskless-e2e-'));
  cleanup.defer(() => rm(data, { recursive: true, force: true }));
  const network = cleanup.use(await makeNetwork({ purpose: 'e2e' }));
  const serverOptions = { network, image, data };
  let server = await startServer(serverOptions);
  cleanup.defer(() => server[Symbol.asyncDispose]());
  const powerOn = async (firmware: Firmware, mac: string, log: string) =>
    cleanup.use(await startMachine({ network, firmware, mac, log: join(logFolder, `${log}.log`) }));

  const [bios, uefi] = await Promise.all([powerOn('bios', macs.bios, 'bios'), powerOn('uefi', macs.uefi, 'uefi')]);
  const firstProofs = { bios: bios.up(), uefi: uefi.up() };
  await Promise.allSettled(Object.values(firstProofs));

  await t.test('BIOS: SeaBIOS and the iPXE in the network card boot to multi-user', async () => {
    assertProof(await firstProofs.bios, 'bios', targetOf(server, macs.bios));
  });

  await t.test('UEFI: OVMF and the iPXE in the network card boot to multi-user', async () => {
    assertProof(await firstProofs.uefi, 'uefi', targetOf(server, macs.uefi));
  });

  await t.test('two machines at the same time have a disk each', async () => {
    assert.notEqual(targetOf(server, macs.bios), targetOf(server, macs.uefi));
    await Promise.all([writeMarker(bios, 'bios'), writeMarker(uefi, 'uefi')]);
    assert.deepEqual(await markers(bios), ['bios']);
    assert.deepEqual(await markers(uefi), ['uefi']);
  });

  await t.test('a machine shuts down in order', async () => {
    await Promise.all([bios.powerOff(), uefi.powerOff()]);
  });

  const [again, pxe] = await Promise.all([
    powerOn('bios', macs.bios, 'bios-again'),
    powerOn('uefi-pxe', macs.uefiPxe, 'uefi-pxe'),
  ]);
  const secondProofs = { again: again.up(), pxe: pxe.up() };
  await Promise.allSettled(Object.values(secondProofs));

  await t.test('a machine that was off finds the file it wrote', async () => {
    assertProof(await secondProofs.again, 'bios', targetOf(server, macs.bios));
    assert.deepEqual(await markers(again), ['bios']);
  });

  await t.test(
    'UEFI without iPXE: the firmware fetches its loader from us by TFTP and boots to multi-user',
    async () => {
      assertProof(await secondProofs.pxe, 'uefi', targetOf(server, macs.uefiPxe));
      assert.ok(stepsOf(server, macs.uefiPxe).some(({ stage }) => stage === 'loader'));
      assert.deepEqual(await markers(pxe), []);
    },
  );

  await t.test('firmware, loader and operating system have the same address', async () => {
    const { ip } = await secondProofs.pxe;
    const stages = ['offer', 'root-path', 'os-address'];
    const steps = stepsOf(server, macs.uefiPxe).filter(({ stage }) => stages.includes(stage));
    assert.deepEqual([...new Set(steps.map(({ stage }) => stage))], stages);
    for (const { text } of steps) assert.equal(`${/\d+(\.\d+){3}/.exec(text)?.[0]}/24`, ip);
  });

  await t.test(
    'kill -9 of the server while Debian writes: started again, machines go on and no synced write is lost',
    async () => {
      await startWriting(again);
      await written(again, 15);
      await server.kill();
      const beforeRestart = (await written(again, 0)).length;
      server = await startServer(serverOptions);
      await Promise.all([loggedIn(server, macs.bios), loggedIn(server, macs.uefiPxe)]);
      await written(again, beforeRestart + 15);
      await stopWriting(again);
      assert.deepEqual(await readBack(again), await written(again, 0));
      // The other machine was idle and must find its disk as before: without its page cache it has to.
      await pxe.run('echo 3 > /proc/sys/vm/drop_caches; sha256sum /usr/bin/* > /dev/null', 180_000);
    },
  );

  await t.test('machines shut down in order after that, and SIGTERM ends the server with 0', async () => {
    await Promise.all([again.powerOff(), pxe.powerOff()]);
    assert.equal(await server.stop(), 0);
  });

  await t.test('the golden image is what it was', async () => {
    assert.equal(await sha256(image), goldenDigest);
  });
});

/** The name in the firmware's boot table must be the one that the server gave this machine. */
function assertProof(proof: Readonly<Record<string, string>>, firmware: string, target: string): void {
  assert.equal(proof.target, target);
  assert.match(target, /^iqn\.2026-11\.internal\.diskless:/);
  assert.equal(proof.transport, 'iscsi');
  assert.match(proof.root ?? '', /^\/dev\/sd/);
  assert.match(proof.ip ?? '', /^192\.168\.77\.\d+\/24$/);
  assert.equal(proof.firmware, firmware);
}

/** What the server saw of a machine's boot. */
function stepsOf(server: BootServer, mac: string): BootStepEvent[] {
  return server.events.filter((event) => event.event === 'boot-step').filter((step) => step.mac === mac);
}

/** Waits for a machine that runs already to come back to a server that was started again. */
async function loggedIn(server: BootServer, mac: string): Promise<void> {
  await server.event((event) => event.event === 'connected' && event.mac === mac, 120_000);
}

/** The target that the server says a machine is logged in to. */
function targetOf(server: BootServer, mac: string): string {
  const login = server.events.find((event) => event.event === 'connected' && event.mac === mac);
  assert.ok(login?.event === 'connected', `the server saw a login of ${mac}`);
  return login.target;
}

async function writeMarker(machine: Machine, name: string): Promise<void> {
  await machine.run(`mkdir -p /root/markers && echo ${name} > /root/markers/${name} && sync`);
}

async function markers(machine: Machine): Promise<string[]> {
  const list = await machine.run('mkdir -p /root/markers; cat /root/markers/* 2> /dev/null || true');
  return list.split('\n').filter((line) => line !== '');
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}
