/** A real process over real files, killed in the middle of its work: everything that it acknowledged is there. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { MemoryDevice } from '../../src/block/memory-device.ts';
import { openOverlay } from '../../src/block/overlay.ts';
import { nodeFileSystem } from '../../src/os/node-file-system.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { IDENTITY, paths, SIZE, stampedSector } from './overlay-writer.ts';

const WRITER = fileURLToPath(new URL('./overlay-writer.ts', import.meta.url));

test('kill -9 loses nothing that was acknowledged', async (t) => {
  const directory = temporaryDirectory(t);
  const expected = new Map<number, number>();
  for (let round = 0; round < 3; round++) {
    const child = spawn(process.execPath, [WRITER, directory, String(round)], { stdio: ['ignore', 'pipe', 'inherit'] });
    t.after(() => child.kill('SIGKILL'));
    const exited = once(child, 'exit');
    let lines = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      const [sector, stamp] = line.split(' ').map(Number);
      assert(sector !== undefined && stamp !== undefined);
      expected.set(sector, stamp);
      if (++lines === 400) child.kill('SIGKILL');
    }
    const [, signal] = await exited;
    assert.equal(signal, 'SIGKILL', 'the writer was at work when it was killed');
    const disk = await openOverlay(nodeFileSystem, paths(directory), new MemoryDevice(SIZE), IDENTITY);
    // Reopened without a flush in between, as a server does that is started again.
    for (const [sector, stamp] of expected) {
      const bytes = Buffer.concat(await disk.read(sector * 512, 512));
      const found = bytes.readUInt32LE(0);
      assert.deepEqual(bytes, Buffer.from(stampedSector(found)), `sector ${sector} holds one write`);
      assert(found >= stamp, `sector ${sector} holds ${found}, older than the acknowledged ${stamp}`);
    }
    await disk.close();
  }
});
