/**
 * Networks on which a machine finds its disk in ways of its own (RFC 4173 §5 to §8): what the machine at hand, known by its hardware
 * address, is told, and how it then has to be told from others.
 */
import { spawn } from 'node:child_process';
import { chmodSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { runCommand } from '../../../scripts/command.ts';
import { parseIpv4 } from '../../../src/bytes/index.ts';
import { isnsOption } from '../../../src/dhcp/isns-option.ts';
import { startDnsmasqAt } from '../dnsmasq.ts';
import { Isnsadm, startIsnsd } from '../isnsd.ts';
import { end, NamespacePair, said } from '../namespace-pair.ts';
import { imageIn } from '../overlay-target.ts';
import { makeRelayedNetwork } from '../relayed-network.ts';
import { PROGRAM_TARGET_NAME, TargetProgram } from '../target-program.ts';
import { temporaryDirectory } from '../temporary-directory.ts';
import { insideOf, type MachineNetwork } from './network.ts';
import { startServer } from './server.ts';

const program = join(import.meta.dirname, '..', '..', '..', 'bin', 'diskless.js');

export const wayNeeds = ['dnsmasq', 'isnsd', 'isnsadm', 'dhcrelay'] as const;

/** Of the machines, by what they are told. */
export const macs = {
  slp: '52:54:00:d1:5c:31',
  isns: '52:54:00:d1:5c:32',
  ipv6: '52:54:00:d1:5c:33',
  relay: '52:54:00:d1:5c:34',
  chap: '52:54:00:d1:5c:35',
} as const;

const serverIpv6 = 'fd00:77::1';

/**
 * A network where dnsmasq gives addresses, tells one machine of its target and another one of an iSNS server, which is isnsd; disks,
 * SLP and DHCPv6 are ours.
 */
export async function serveNetwork(
  t: TestContext,
  stack: AsyncDisposableStack,
  network: MachineNetwork,
  image: string,
) {
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
export async function serveThroughRelay(stack: AsyncDisposableStack, t: TestContext, image: string): Promise<string> {
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
export async function serveSecurely(stack: AsyncDisposableStack, t: TestContext, image: string) {
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
