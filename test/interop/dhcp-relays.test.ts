/** `diskless serve` for a network behind the relay agents of Debian. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeBootableImage } from '../support/bootable-image.ts';
import { end, said } from '../support/namespace-pair.ts';
import { makeRelayedNetwork, type RelayedNetwork } from '../support/relayed-network.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { ServeProgram } from '../support/serve-program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { askForAddress } from '../support/udhcpc.ts';

const mac = '52:54:00:12:34:56';

interface Agent {
  readonly program: string;
  readonly args: (network: RelayedNetwork) => readonly string[];
  /** What it says when it is ready. */
  readonly ready: RegExp;
}

const agents: readonly Agent[] = [
  {
    program: 'dhcrelay',
    // -a: with option 82.
    args: ({ relayInterfaces: [near, far], serverAddress }) => {
      return ['-4', '-d', '--no-pid', '-a', '-iu', near, '-id', far, serverAddress];
    },
    ready: /Sending on +Socket/,
  },
  {
    program: 'dnsmasq',
    args: ({ relayInterfaces: [near, far], relayAddress, serverAddress }) => {
      const flags = ['--keep-in-foreground', '--conf-file=/dev/null', '--log-facility=-', '--user=root', '--pid-file='];
      const interfaces = ['--port=0', `--interface=${near}`, `--interface=${far}`, '--bind-interfaces'];
      return [...flags, ...interfaces, `--dhcp-relay=${relayAddress},${serverAddress}`];
    },
    ready: /DHCP relay from/,
  },
];

for (const { program, args, ready } of agents) {
  test(`a machine behind ${program} gets an address of its own network, and the way to its disk`, async (t) => {
    if (!requires(t, program, 'udhcpc', 'ip', root, networkNamespaces)) return;
    const directory = temporaryDirectory(t);
    const image = join(directory, 'golden.img');
    const content = randomBytes(1 << 20);
    writeBootableImage(image, content);
    using network = makeRelayedNetwork(program, mac);
    const flags = ['--interface', network.serverInterface, '--dhcp', 'full', '--loader-dir', 'off'];
    const far = ['--relayed-subnet', `${network.relayAddress}/24`, '--data', join(directory, 'data')];
    await using server = await ServeProgram.start([image, ...flags, ...far], network.onServer);
    const agent = start([...network.onRelay, program, ...args(network)]);
    try {
      await said(agent, ready);
      const told = await askForAddress(network, directory, 10);
      assert.match(told?.address ?? '', /^198\.51\.100\.(12[89]|1[3-9]\d|2\d\d)$/, server.stderr);
      assert.equal(told?.rootPath, 'iscsi:192.0.2.1::::iqn.2026-11.internal.diskless:52-54-00-12-34-56');
      const again = await askForAddress(network, directory, 10);
      assert.equal(again?.address, told.address);
      assert.equal(again.serverId, network.serverAddress);
    } finally {
      await end(agent);
    }
  });
}

function start(command: readonly string[]): ChildProcess {
  const [program = '', ...args] = command;
  return spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
}
