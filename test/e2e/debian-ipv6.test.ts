/** Machines without a disk on a network without IPv4: firmware, loader and system all find their way by IPv6. */
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { runCommand } from '../../scripts/command.ts';
import { debianImage } from '../../scripts/debian-image/build.ts';
import type { BootStepEvent } from '../../src/server/events.ts';
import { type Firmware, startMachine } from '../support/machine/machine.ts';
import { machineNeeds } from '../support/machine/needs.ts';
import { makeNetwork } from '../support/machine/network.ts';
import { type BootServer, startServer } from '../support/machine/server.ts';
import { requires } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const logFolder = join(import.meta.dirname, '..', '..', '.cache', 'consoles');
const mac = '52:54:00:d1:5c:66';
const address = 'fd00:77::66';

/** Keeps OVMF from trying one way of PXE, for a minute each. */
const withoutPxe = (family: 'IPv4' | 'IPv6') => ['-fw_cfg', `name=opt/org.tianocore/${family}PXESupport,string=n`];

interface Client {
  /** Of the network and of the log. */
  readonly name: string;
  readonly firmware: Firmware;
  readonly hardware: readonly string[];
}

/** A server of IPv6 alone, and a machine that is switched on. */
async function start(t: TestContext, cleanup: AsyncDisposableStack, { name, firmware, hardware }: Client) {
  const image = await debianImage({ onProgress: (what) => t.diagnostic(what) });
  await mkdir(logFolder, { recursive: true });
  const network = cleanup.use(await makeNetwork({ purpose: `${name}-ipv6` }));
  await runCommand(...network.inside('ip', 'address', 'add', 'fd00:77::1/64', 'dev', network.bridge, 'nodad'));
  const flags = ['--dhcp', 'off', '--dhcp6', 'on', '--reserve', `${mac}=${address}`];
  const server = cleanup.use(await startServer({ network, image, data: join(temporaryDirectory(t), 'data'), flags }));
  const log = join(logFolder, `${name}-ipv6.log`);
  const machine = cleanup.use(await startMachine({ network, mac, firmware, hardware, log }));
  return { server, machine };
}

function stepsOf(server: BootServer): BootStepEvent[] {
  return server.events.filter((event) => event.event === 'boot-step');
}

test('UEFI’s own PXE client gets iPXE over IPv6, and that the system’s kernel from the disk', async (t) => {
  if (!requires(t, ...machineNeeds)) return;
  await using cleanup = new AsyncDisposableStack();
  const { server, machine } = await start(t, cleanup, {
    name: 'uefi-pxe',
    firmware: 'uefi-pxe',
    hardware: withoutPxe('IPv4'),
  });
  await machine.console.waitFor(/Start PXE over IPv6/, 120_000);
  await machine.console.waitFor(/GRUB: loading the initramfs/, 120_000);
  const stages = stepsOf(server).map(({ stage }) => stage);
  assert.deepEqual(
    [...new Set(stages)],
    ['discover', 'offer', 'loader', 'ipxe-discover', 'root-path', 'login', 'first-read'],
  );
});

test('UEFI’s HTTP boot gets iPXE over IPv6 from the URL in option 59, and that the system’s kernel from the disk (RFC 5970 §3.1)', async (t) => {
  if (!requires(t, ...machineNeeds)) return;
  await using cleanup = new AsyncDisposableStack();
  const hardware = [...withoutPxe('IPv4'), ...withoutPxe('IPv6')];
  const { server, machine } = await start(t, cleanup, { name: 'uefi-http', firmware: 'uefi-pxe', hardware });
  // HTTP boot over IPv4 cannot be switched off: the firmware gives it a minute.
  await machine.console.waitFor(/Start HTTP Boot over IPv6/, 180_000);
  await machine.console.waitFor(/URI: http:\/\/\[fd00:77::1\]:8080\/ipxe\.efi/, 60_000);
  await machine.console.waitFor(/GRUB: loading the initramfs/, 120_000);
  const steps = stepsOf(server);
  assert.deepEqual(
    [...new Set(steps.map(({ stage }) => stage))],
    ['discover', 'offer', 'loader', 'ipxe-discover', 'root-path', 'login', 'first-read'],
  );
  assert.match(steps.find(({ stage }) => stage === 'discover')?.text ?? '', /UEFI HTTP boot/);
  assert.match(steps.find(({ stage }) => stage === 'loader')?.text ?? '', /ipxe\.efi by HTTP/);
});

test('Debian boots over IPv6 alone, and its root file system is on iSCSI', async (t) => {
  if (!requires(t, ...machineNeeds)) return;
  await using cleanup = new AsyncDisposableStack();
  const { server, machine } = await start(t, cleanup, { name: 'uefi', firmware: 'uefi', hardware: withoutPxe('IPv4') });
  const proof = await machine.up();
  assert.equal(proof.target, 'iqn.2026-11.internal.diskless:52-54-00-d1-5c-66');
  assert.equal(proof.transport, 'iscsi');
  assert.match(proof.ip ?? '', new RegExp(`^${address}/`));
  const logins = stepsOf(server).filter(({ stage }) => stage === 'login' || stage === 'os-login');
  assert.ok(logins.length >= 2);
  for (const { text } of logins) assert.ok(text.includes(address), text);
});
