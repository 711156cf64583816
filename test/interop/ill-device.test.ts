/** A disk that fails and stalls on purpose, over the real network, with QEMU as the initiator. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Device } from '../../src/block/device.ts';
import { FaultDevice } from '../../src/block/fault-device.ts';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';
import { openDirectory } from '../../src/target/directory.ts';
import { Portal } from '../../src/target/portal.ts';
import { Target } from '../../src/target/target.ts';
import { requires } from '../support/requires.ts';
import { run } from '../support/served-network.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';

const MIB = 1 << 20;
const NAME = 'iqn.2026-11.internal.test:ill';

async function qemuIo(url: string, ...commands: string[]): Promise<string> {
  const script = commands.flatMap((command) => ['-c', command]);
  const { stdout, stderr } = await run(['qemu-io', '-f', 'raw', '-t', 'none', ...script, url]);
  return stdout.toString() + stderr;
}

test('QEMU gets I/O errors where the disk is ill, waits where it stalls, and everything else meanwhile', async (t) => {
  if (!requires(t, 'qemu-io')) return;
  const clock = new SimulatedClock();
  const ill = new FaultDevice(new MemoryDevice(8 * MIB), clock);
  const units = new Map<number, Device>([
    [0, ill],
    [1, new MemoryDevice(8 * MIB)],
  ]);
  const target = new Target({ name: NAME, units });
  const endpoint = { address: '127.0.0.1', port: 0 };
  await using portal = await Portal.open({ network: nodeNetwork, endpoint, directory: openDirectory([target]) });
  const url = (lun: number) => `iscsi://127.0.0.1:${portal.endpoint.port}/${NAME}/${lun}`;

  const recover = ill.inject({ range: { offset: 4 * MIB, length: MIB }, error: 'DEVICE_IO' });
  const said = await qemuIo(url(0), 'write -P 1 0 64k', 'read 4M 4k', 'write 4M 4k', 'read -P 1 0 64k');
  assert.match(said, /read failed: Input\/output error/);
  assert.match(said, /write failed: Input\/output error/);
  assert.equal(said.match(/64 KiB/g)?.length, 2, said);
  recover();
  assert.doesNotMatch(await qemuIo(url(0), 'write -P 2 4M 4k', 'read -P 2 4M 4k'), /failed/);

  // Nothing but this test ends this read: whoever else comes is served and done before it.
  ill.inject({ range: { offset: 4 * MIB, length: MIB }, operations: ['read'], delay: 1, times: 1 });
  let isDone = false;
  const stalled = qemuIo(url(0), 'read -P 2 4M 4k').finally(() => {
    isDone = true;
  });
  for (const lun of [0, 1])
    assert.doesNotMatch(await qemuIo(url(lun), 'read 0 64k', 'write 1M 64k', 'flush'), /failed/);
  while (clock.pending === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isDone, false);
  clock.advance(1);
  assert.doesNotMatch(await stalled, /failed/);
});
