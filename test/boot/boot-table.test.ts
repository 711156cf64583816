/** `diskless boot --ibft` on this machine: what its table says of the disk, the second one, and the services. */

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { decodeIbft } from '../../src/ibft/index.ts';
import { systemClock } from '../../src/os/clock.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';
import { openDirectory } from '../../src/target/directory.ts';
import { Portal } from '../../src/target/portal.ts';
import { Target } from '../../src/target/target.ts';
import { runCli } from '../cli/run-cli.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const disk = 'iqn.2001-04.com.example:disk';
const mirror = 'iqn.2001-04.com.example:mirror';

test('a second Root Path: beside the disk in the table, by its address, or in its place when the first one fails', async (t) => {
  const file = join(temporaryDirectory(t), 'table.bin');
  const target = new Target({ name: disk, units: new Map([[0, new MemoryDevice(1 << 20)]]) });
  await using portal = await Portal.open({
    network: nodeNetwork,
    clock: systemClock,
    endpoint: { address: '127.0.0.1', port: 0 },
    directory: openDirectory([target]),
  });
  const { port } = portal.endpoint;
  const boot = (first: string, second: string, ...more: string[]) =>
    runCli(['boot', '--ibft', file, '--root-path', first, '--second-root-path', second, ...more]);
  const there = `iscsi:127.0.0.1::${port}::${disk}`;
  // Port 1 is tcpmux, which nobody runs.
  const notThere = `iscsi:localhost::1:2:${mirror}`;

  const beside = await boot(there, notThere, '--isns-server', '127.0.0.9', '--slp-agent', '127.0.0.8');
  assert.equal(beside.code, 0, beside.stderr);
  const { initiator, nics, targets } = decodeIbft(readFileSync(file));
  const told = targets.map(({ name, address, port: at, lun, bootSelected }) => [
    name,
    address,
    at,
    lun[1],
    bootSelected,
  ]);
  assert.deepEqual(told, [
    [disk, '127.0.0.1', port, 0, true],
    [mirror, '127.0.0.1', 1, 2, false],
  ]);
  assert.deepEqual([initiator?.isnsServer, initiator?.slpServer], ['127.0.0.9', '127.0.0.8']);
  assert.deepEqual(nics[0]?.pci, { bus: 0, device: 0, function: 0 }, 'the loopback interface is no card');

  const instead = await boot(notThere, there);
  assert.equal(instead.code, 0, instead.stderr);
  const only = decodeIbft(readFileSync(file)).targets;
  assert.deepEqual(
    only.map(({ name, bootSelected }) => [name, bootSelected]),
    [[disk, true]],
  );
});

test('a second server that is not authorised is not told to the next system', async (t) => {
  const file = join(temporaryDirectory(t), 'table.bin');
  const target = new Target({ name: disk, units: new Map([[0, new MemoryDevice(1 << 20)]]) });
  await using portal = await Portal.open({
    network: nodeNetwork,
    clock: systemClock,
    endpoint: { address: '127.0.0.1', port: 0 },
    directory: openDirectory([target]),
  });
  const paths = [`iscsi:127.0.0.1::${portal.endpoint.port}::${disk}`, `iscsi:127.0.0.7::::${mirror}`];
  const [first = '', second = ''] = paths;
  const listed = ['--authorized-server', '192.0.2.0/24', '--ibft', file];
  const { code, stderr } = await runCli(['boot', '--root-path', first, '--second-root-path', second, ...listed]);
  assert.equal(code, 7, stderr);
  assert.match(stderr, /127\.0\.0\.7 is not authorised: .*BOOT_SECURE_SERVER/);
  assert.ok(!existsSync(file));
});
