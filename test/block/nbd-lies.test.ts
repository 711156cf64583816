/** NBD servers that lie about sizes: each is one error, and nothing waits for ever. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openNbdDevice } from '../../src/block/nbd-device.ts';
import { ByteQueue } from '../../src/bytes/index.ts';
import { Dialogue } from '../../src/nbd/dialogue.ts';
import { type ExportDescription, serverHandshake } from '../../src/nbd/server-handshake.ts';
import { hex } from '../nbd/support.ts';
import { SimulatedClock } from '../support/simulated-clock.ts';
import { SimulatedTcp } from '../support/simulated-tcp.ts';

const ends = [
  { address: '192.0.2.2', port: 50_000 },
  { address: '192.0.2.1', port: 10_809 },
] as const;
const honest: ExportDescription = {
  name: '',
  description: '',
  size: 1 << 20,
  transmissionFlags: 1,
  blockSize: { minimum: 1, preferred: 4096, maximum: 1 << 20 },
};

/** Negotiates as a server that has what it describes, and answers what comes then with `answers`, one for each request. */
function serve(described: Partial<ExportDescription>, answers: readonly Uint8Array[] = []) {
  const clock = new SimulatedClock();
  const [client, server] = SimulatedTcp.pair(...ends);
  const queue = new ByteQueue();
  const talk = new Dialogue(serverHandshake([{ ...honest, ...described }], (bytes) => void server.write(bytes)));
  const left = [...answers];
  let isAgreed = false;
  server.start({
    data(chunk) {
      queue.push(chunk);
      if (!isAgreed) {
        isAgreed = talk.receive(queue) !== undefined;
        return;
      }
      const answer = left.shift();
      if (answer !== undefined) server.write(answer);
    },
    drain: () => {},
    closed: () => {},
  });
  return { clock, open: () => openNbdDevice(client, { clock, timeout: 5_000 }) };
}

const blockSize = honest.blockSize;
const lies: readonly (readonly [string, Partial<ExportDescription>, string])[] = [
  ['has a disk of nothing', { size: 0 }, 'DEVICE_SIZE'],
  ['has half a block', { size: (1 << 20) + 256 }, 'DEVICE_SIZE'],
  ['has more bytes than can be counted', { size: 2 ** 63 }, 'DEVICE_SIZE'],
  ['takes a mebibyte or nothing', { blockSize: { ...blockSize, minimum: 1 << 20 } }, 'NBD_BLOCK_SIZE'],
  ['takes less than a block at once', { blockSize: { ...blockSize, maximum: 256 } }, 'NBD_BLOCK_SIZE'],
  ['takes at most less than at least', { blockSize: { ...blockSize, minimum: 512, maximum: 256 } }, 'NBD_HANDSHAKE'],
  ['takes blocks of a size that is none', { blockSize: { ...blockSize, minimum: 0 } }, 'NBD_HANDSHAKE'],
];

for (const [what, described, code] of lies) {
  test(`a server that ${what} is ${code}`, async () => {
    const { clock, open } = serve(described);
    await assert.rejects(open(), { code });
    assert.equal(clock.pending, 0);
  });
}

test('what a server prefers may be nonsense: it is advice', async () => {
  for (const preferred of [0, 1, 0xffff_ffff]) {
    const { open } = serve({ blockSize: { ...blockSize, preferred } });
    const device = await open();
    assert.equal(device.blockSize, 512);
    assert.ok(device.physicalBlockSize >= 512 && device.physicalBlockSize <= 65_536);
  }
});

test('a disk that ends before its size says so where it is read, and less data than announced ends in time', async () => {
  const invalid = hex('668e33ef 0001 8001 0000000000000001 00000006 00000016 0000');
  const half = hex('668e33ef 0001 0001 0000000000000002 00000208 0000000000000000 abcd');
  const { clock, open } = serve({}, [invalid, half]);
  const device = await open();
  await assert.rejects(Promise.resolve(device.read((1 << 20) - 512, 512)), { code: 'DEVICE_IO' });
  const failed = assert.rejects(Promise.resolve(device.read(0, 512)), { code: 'DEVICE_IO', message: /5 s/ });
  await clock.pass(5_000);
  await failed;
  assert.equal(clock.pending, 0);
});
