/**
 * Debian on machines that `diskless boot --vm` starts: neither their firmware nor their kernel knows anything of iSCSI.
 *
 * One machine lives a whole life, in which its server is killed. Beside it, as there are two processors, machines come and go that
 * find their disks by every other way (RFC 4173 §5 to §8), and start no more of Debian than says where its root is.
 */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { debianImage } from '../../scripts/debian-image/build.ts';
import { type DebianKernel, debianKernel } from '../support/machine/debian-kernel.ts';
import { readBack, startWriting, stopWriting, written } from '../support/machine/durable-writing.ts';
import { machineNeeds } from '../support/machine/needs.ts';
import { insideOf, makeNetwork } from '../support/machine/network.ts';
import { startServer } from '../support/machine/server.ts';
import { bootTo, glance, startVirtualMachine } from '../support/machine/virtual-machine.ts';
import { macs, serveNetwork, serveSecurely, serveThroughRelay, wayNeeds } from '../support/machine/ways-to-disk.ts';
import { NamespacePair } from '../support/namespace-pair.ts';
import { requires } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** A unit that the machine writes in its first life, and that shows in its second what is there. */
const check = 'check.service';

const consoles = join(import.meta.dirname, '..', '..', '.cache', 'consoles');
interface Way {
  readonly namespace: string;
  readonly flags: readonly string[];
  /** What the boot says on this way and on no other. */
  readonly says: RegExp;
}

test('Debian on the machines of `diskless boot --vm`', { concurrency: 2 }, async (t) => {
  if (!requires(t, ...machineNeeds, ...wayNeeds, 'debugfs')) return;
  const image = await debianImage({ onProgress: (what) => t.diagnostic(what) });
  mkdirSync(consoles, { recursive: true });
  const kernel = await debianKernel(image, temporaryDirectory(t));
  await Promise.all([
    t.test('a whole life', (t) => liveWholeLife(t, image, kernel)),
    t.test('every way to a disk', (t) => goEveryWay(t, image, kernel)),
  ]);
});

async function liveWholeLife(t: TestContext, image: string, kernel: DebianKernel): Promise<void> {
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
  const machine = await switchOn('vm', card);

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
    const again = await switchOn('vm-again', bootTo(check, kernel));
    assert.equal(await again.exited, 0);
    assert.ok(again.console.text.includes(`${sum}\n`), again.console.text);
  });
}

async function goEveryWay(t: TestContext, image: string, kernel: DebianKernel): Promise<void> {
  await using cleanup = new AsyncDisposableStack();
  const network = cleanup.use(await makeNetwork({ purpose: 'vm-ways' }));
  const served = await serveNetwork(t, cleanup, network, image);
  const follow = (title: string, name: string, way: (stack: AsyncDisposableStack, t: TestContext) => Promise<Way>) =>
    t.test(title, async (t) => {
      await using stack = new AsyncDisposableStack();
      await bootOn(stack, await way(stack, t), kernel, name);
    });

  await follow('DHCP names the target only, and SLP finds its server (RFC 4173 §6)', 'vm-slp', async (stack) => {
    const { namespace } = stack.use(await network.standIn(macs.slp));
    return { namespace, flags: [], says: /discovery +> the target .* is known and its server is not/ };
  });

  await follow('DHCP names nothing, and the boot list of isnsd has it (RFC 4173 §6)', 'vm-isns', async (stack, t) => {
    const { namespace } = stack.use(await network.standIn(macs.isns));
    await served.putOnBootList(t, namespace);
    return { namespace, flags: ['--discovery', 'isns'], says: /discovery += iqn\S+52-54-00-d1-5c-32/ };
  });

  await follow('over IPv6 alone, by DHCPv6 (RFC 5970 §5)', 'vm-ipv6', async (stack) => {
    const { namespace } = stack.use(await network.standIn(macs.ipv6));
    return { namespace, flags: ['--dhcp', 'v6'], says: /logged in at fd00:77::1 port 3260/ };
  });

  await follow('in another subnet, behind a relay', 'vm-relay', async (stack, t) => {
    const namespace = await serveThroughRelay(stack, t, image);
    return { namespace, flags: [], says: /192\.0\.2\.1 is reached through 198\.51\.100\.1/ };
  });

  await follow(
    'securely: the server is given and authorised, and both ends prove who they are',
    'vm-chap',
    async (stack, t) => {
      const { namespace, flags } = await serveSecurely(stack, t, image);
      return { namespace, flags, says: /dhcp +- skipped: server and target are given/ };
    },
  );
}

async function bootOn(stack: AsyncDisposableStack, way: Way, kernel: DebianKernel, name: string): Promise<void> {
  const { namespace, flags, says } = way;
  const log = join(consoles, `${name}.log`);
  const hardware = bootTo(glance, kernel);
  const machine = stack.use(await startVirtualMachine({ namespace, flags, hardware, log }));
  const proof = await machine.up();
  assert.match(proof.root ?? '', /^\/dev\/vd[a-z]\d$/);
  assert.equal(await machine.exited, 0);
  assert.match(machine.console.text, says);
}
