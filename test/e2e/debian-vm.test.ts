/**
 * Debian on a machine that `diskless boot --vm` starts, from `diskless serve`: neither its firmware nor its kernel knows anything of
 * iSCSI. The server is killed in between, and the machine is switched on again.
 */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { debianImage } from '../../scripts/debian-image/build.ts';
import { debianKernel } from '../support/machine/debian-kernel.ts';
import { readBack, startWriting, stopWriting, written } from '../support/machine/durable-writing.ts';
import { machineNeeds } from '../support/machine/needs.ts';
import { insideOf } from '../support/machine/network.ts';
import { startServer } from '../support/machine/server.ts';
import { bootTo, startVirtualMachine } from '../support/machine/virtual-machine.ts';
import { NamespacePair } from '../support/namespace-pair.ts';
import { requires } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** A unit that the machine writes in its first life, and that shows in its second what is there. */
const check = 'check.service';

const consoles = join(import.meta.dirname, '..', '..', '.cache', 'consoles');

test('Debian on the machine of `diskless boot --vm`', async (t) => {
  if (!requires(t, ...machineNeeds)) return;
  const image = await debianImage({ onProgress: (what) => t.diagnostic(what) });
  mkdirSync(consoles, { recursive: true });
  using pair = new NamespacePair(`debian-vm-${process.pid}`, '52:54:00:d1:5c:2a');
  await using cleanup = new AsyncDisposableStack();
  const network = { bridge: 'server0', inside: insideOf(pair.server) };
  const serverOptions = { network, image, data: join(temporaryDirectory(t), 'data') };
  let server = await startServer(serverOptions);
  cleanup.defer(() => server[Symbol.asyncDispose]());
  const switchOn = async (log: string, hardware: readonly string[]) => {
    const flags = ['--interface', 'client0'];
    const where = { namespace: pair.client, log: join(consoles, `${log}.log`) };
    return cleanup.use(await startVirtualMachine({ ...where, flags, hardware }));
  };
  // The image expects a network with DHCP.
  const card = ['-netdev', 'user,id=net0', '-device', 'virtio-net-pci,netdev=net0,romfile='];
  const machine = await switchOn('vm', ['-smp', '2', ...card]);

  await t.test('it reaches multi-user, with its root on our disk', async () => {
    const proof = await machine.up();
    assert.match(proof.root ?? '', /^\/dev\/vd[a-z]\d$/);
    // The machine itself knows of no target.
    assert.equal(proof.target, 'none');
    assert.equal(proof.transport, 'none');
  });

  await t.test('kill -9 of the server while it writes: it goes on, and no synced write is lost', async () => {
    await startWriting(machine);
    await written(machine, 10);
    await server.kill();
    const beforeRestart = (await written(machine, 0)).length;
    server = await startServer(serverOptions);
    await written(machine, beforeRestart + 10);
    await stopWriting(machine);
    assert.deepEqual(await readBack(machine), await written(machine, 0));
    assert.doesNotMatch(await machine.run('dmesg'), /I\/O error/);
  });

  let sum = '';

  await t.test('switched off by Debian, the exit status of QEMU, 0, is that of the boot', async () => {
    const show = "/bin/sh -c 'sha256sum /root/blocks > /dev/console'";
    const lines = [
      ...['[Unit]', 'DefaultDependencies=no', 'SuccessAction=poweroff', 'FailureAction=poweroff'],
      ...['[Service]', 'Type=oneshot', `ExecStart=${show}`],
    ];
    await machine.run(`cat > /etc/systemd/system/${check} <<END\n${lines.join('\n')}\nEND`);
    sum = await machine.run('sha256sum /root/blocks');
    assert.equal(await machine.powerOff(), 0);
  });

  await t.test('switched on again it finds what it wrote', async () => {
    const kernel = await debianKernel(image, temporaryDirectory(t));
    const again = await switchOn('vm-again', bootTo(check, kernel));
    assert.equal(await again.exited, 0);
    assert.ok(again.console.text.includes(`${sum}\n`), again.console.text);
  });
});
