/**
 * The ways to a disk (RFC 4173 §5 to §8), each gone by a whole machine: `diskless boot --vm` finds the disk, and Debian mounts its root
 * from it and says so. What Debian does after that is another test's.
 *
 * Two machines are on at a time, as there are two processors where this has to be quick.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { runCommand } from '../../scripts/command.ts';
import { debianImage } from '../../scripts/debian-image/build.ts';
import { parseIpv4 } from '../../src/bytes/index.ts';
import { isnsOption } from '../../src/dhcp/isns-option.ts';
import { startDnsmasqAt } from '../support/dnsmasq.ts';
import { Isnsadm, startIsnsd } from '../support/isnsd.ts';
import { type DebianKernel, debianKernel } from '../support/machine/debian-kernel.ts';
import { machineNeeds } from '../support/machine/needs.ts';
import { insideOf, type MachineNetwork, makeNetwork } from '../support/machine/network.ts';
import { startServer } from '../support/machine/server.ts';
import { bootTo, glance, startVirtualMachine } from '../support/machine/virtual-machine.ts';
import { end, NamespacePair, said } from '../support/namespace-pair.ts';
import { imageIn } from '../support/overlay-target.ts';
import { makeRelayedNetwork } from '../support/relayed-network.ts';
import { requires } from '../support/requires.ts';
import { PROGRAM_TARGET_NAME, TargetProgram } from '../support/target-program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const consoles = join(import.meta.dirname, '..', '..', '.cache', 'consoles');
const program = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');

const macs = {
  slp: '52:54:00:d1:5c:31',
  isns: '52:54:00:d1:5c:32',
  ipv6: '52:54:00:d1:5c:33',
  relay: '52:54:00:d1:5c:34',
  chap: '52:54:00:d1:5c:35',
} as const;

const serverIpv6 = 'fd00:77::1';

interface Way {
  readonly namespace: string;
  readonly flags: readonly string[];
  /** What the boot says on this way and on no other. */
  readonly says: RegExp;
}

test('Debian’s root, by every way to a disk', { concurrency: 2 }, async (t) => {
  const peers = ['dnsmasq', 'isnsd', 'isnsadm', 'dhcrelay', 'debugfs'];
  if (!requires(t, ...machineNeeds, ...peers)) return;
  const image = await debianImage({ onProgress: (what) => t.diagnostic(what) });
  mkdirSync(consoles, { recursive: true });
  const kernel = await debianKernel(image, temporaryDirectory(t));
  await using cleanup = new AsyncDisposableStack();
  const network = cleanup.use(await makeNetwork({ purpose: 'vm-ways' }));
  const served = await serveNetwork(t, cleanup, network, image);
  const follow = (title: string, name: string, way: (stack: AsyncDisposableStack, t: TestContext) => Promise<Way>) =>
    t.test(title, async (t) => {
      await using stack = new AsyncDisposableStack();
      await bootOn(stack, await way(stack, t), kernel, name);
    });

  await Promise.all([
    follow('DHCP names the target only, and SLP finds its server (RFC 4173 §6)', 'vm-slp', async (stack) => {
      const { namespace } = stack.use(await network.standIn(macs.slp));
      return { namespace, flags: [], says: /discovery +> the target .* is known and its server is not/ };
    }),

    follow('DHCP names nothing, and the boot list of isnsd has it (RFC 4173 §6)', 'vm-isns', async (stack, t) => {
      const { namespace } = stack.use(await network.standIn(macs.isns));
      await served.putOnBootList(t, namespace);
      return { namespace, flags: [], says: /discovery += iqn\S+52-54-00-d1-5c-32/ };
    }),

    follow('over IPv6 alone, by DHCPv6 (RFC 5970 §5)', 'vm-ipv6', async (stack) => {
      const { namespace } = stack.use(await network.standIn(macs.ipv6));
      return { namespace, flags: ['--dhcp', 'v6'], says: /logged in at fd00:77::1 port 3260/ };
    }),

    follow('in another subnet, behind a relay', 'vm-relay', async (stack, t) => {
      const namespace = await serveThroughRelay(stack, t, image);
      return { namespace, flags: [], says: /192\.0\.2\.1 is reached through 198\.51\.100\.1/ };
    }),

    follow(
      'securely: the server is given and authorised, and both ends prove who they are',
      'vm-chap',
      async (stack, t) => {
        const { namespace, flags } = await serveSecurely(stack, t, image);
        return { namespace, flags, says: /dhcp +- skipped: server and target are given/ };
      },
    ),
  ]);
});

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

/**
 * A network where dnsmasq gives addresses, tells one machine of its target and another one of an iSNS server, which is isnsd; disks,
 * SLP and DHCPv6 are ours.
 */
async function serveNetwork(t: TestContext, stack: AsyncDisposableStack, network: MachineNetwork, image: string) {
  const { namespace, bridge, address, inside } = network;
  const wrapper = ['ip', 'netns', 'exec', namespace];
  await runCommand(...inside('ip', 'address', 'add', `${serverIpv6}/64`, 'dev', bridge, 'nodad'));
  await startIsnsd(t, address, wrapper);
  const servers = { functions: undefined, discoveryDomainAccess: undefined, administration: undefined };
  const isns = isnsOption.encode({
    ...servers,
    security: undefined,
    heartbeat: undefined,
    servers: [parseIpv4(address)],
  });
  const dnsmasq = await startDnsmasqAt({ namespace, interface: bridge, range: '192.168.77.100,192.168.77.150' }, [
    `--dhcp-host=${macs.slp},set:target`,
    `--dhcp-option=tag:target,17,iscsi:::::${targetOf(macs.slp)}`,
    `--dhcp-host=${macs.isns},set:isns`,
    `--dhcp-option-force=tag:isns,83,${Buffer.from(isns)
      .toString('hex')
      .replace(/..(?=.)/g, '$&:')}`,
  ]);
  stack.use(dnsmasq);
  const flags = ['--dhcp', 'off', '--dhcp6', 'on', '--slp', 'on', '--isns-server', address];
  stack.use(await startServer({ network, image, data: join(temporaryDirectory(t), 'data'), flags }));
  return {
    /** As the administrator of isnsd does, for a machine that has booted here before. */
    async putOnBootList(t: TestContext, standIn: string): Promise<void> {
      const out = join(temporaryDirectory(t), 'first-block');
      const args = ['boot', '--discovery', 'slp', '--target', targetOf(macs.isns), '--read', '512', '--out', out];
      await runCommand(...insideOf(standIn)(process.execPath, program, ...args));
      const target = targetOf(macs.isns);
      const isTarget = new Isnsadm(t, address, target, wrapper);
      const limit = AbortSignal.timeout(20_000);
      while (!(await isTarget.succeed('--list', 'nodes')).includes(target))
        await setTimeout(50, undefined, { signal: limit });
      const members = [`member-name=${initiatorOf(macs.isns)}`, `member-name=${target}`];
      const administrator = new Isnsadm(t, address, undefined, wrapper);
      await administrator.succeed('--dd-register', 'dd-name=boot', 'dd-features=Boot list enabled', ...members);
    },
  };
}

/** Gives the namespace of the machine. */
async function serveThroughRelay(stack: AsyncDisposableStack, t: TestContext, image: string): Promise<string> {
  const relayed = stack.use(makeRelayedNetwork('vm-relay', macs.relay));
  const { onServer, onRelay, onClient, serverInterface, serverAddress, relayAddress, relayInterfaces } = relayed;
  const network = { bridge: serverInterface, inside: insideOf(onServer.at(-1) ?? '') };
  const flags = ['--dhcp', 'full', '--relayed-subnet', `${relayAddress}/24`];
  stack.use(await startServer({ network, image, data: join(temporaryDirectory(t), 'data'), flags }));
  const [near, far] = relayInterfaces;
  const [command = '', ...rest] = onRelay;
  const relay = ['dhcrelay', '-4', '-d', '--no-pid', '-a', '-iu', near, '-id', far, serverAddress];
  const agent = spawn(command, [...rest, ...relay], { stdio: ['ignore', 'pipe', 'pipe'] });
  stack.defer(() => end(agent));
  await said(agent, /Sending on +Socket/);
  return onClient.at(-1) ?? '';
}

/** A target of its own for who has the secret, at the only server that the machine may use. */
async function serveSecurely(stack: AsyncDisposableStack, t: TestContext, image: string) {
  const pair = stack.use(new NamespacePair(`vm-chap-${process.pid}`, macs.chap));
  pair.setClientAddress('192.0.2.7');
  const folder = temporaryDirectory(t);
  symlinkSync(image, imageIn(folder));
  const chapFile = join(folder, 'chap');
  writeFileSync(chapFile, 'initiator alice correct horse battery\ntarget disk what the disk knows\n');
  chmodSync(chapFile, 0o600);
  const network = { address: '192.0.2.1', inside: insideOf(pair.server) };
  stack.use(await TargetProgram.startOverlayIn(network, folder, chapFile));
  const rootPath = `iscsi:192.0.2.1::::${PROGRAM_TARGET_NAME}`;
  const server = ['--secure', '--authorized-server', '192.0.2.1'];
  return { namespace: pair.client, flags: [...server, '--root-path', rootPath, '--chap-file', chapFile] };
}

function targetOf(mac: string): string {
  return `iqn.2026-11.internal.diskless:${mac.replaceAll(':', '-')}`;
}

function initiatorOf(mac: string): string {
  return `iqn.2026-11.internal.diskless:client-${mac.replaceAll(':', '-')}`;
}
