/** Images of virtual machines, made and converted by the real qemu-img. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { nodeFileSystem } from '../../src/os/node-file-system.ts';
import { runProcess } from '../../src/os/process.ts';
import { LocalPool } from '../../src/pool/local.ts';
import type { ImageProgress } from '../../src/pool/pool.ts';
import { requires } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const MIB = 1024 * 1024;

for (const format of ['qcow2', 'vmdk', 'vhdx', 'vdi', 'qed', 'vpc']) {
  test(`${format} images are recognised, converted once, and hold the same disk as the raw one`, async (t) => {
    if (!requires(t, 'qemu-img')) return;
    const directory = temporaryDirectory(t);
    const raw = join(directory, 'golden.raw');
    const content = Buffer.alloc(16 * MIB);
    content.write('\x55\xaa', 510, 'latin1');
    content.fill('payload ', 5 * MIB, 6 * MIB);
    writeFileSync(raw, content);
    const virtual = join(directory, 'golden.image');
    const exactSize = format === 'vpc' ? ['-o', 'force_size=on'] : [];
    execFileSync('qemu-img', ['convert', '-f', 'raw', '-O', format, ...exactSize, raw, virtual]);

    const pool = new LocalPool({ directory: join(directory, 'data'), fileSystem: nodeFileSystem, run: runProcess });
    t.after(() => pool.close());
    const steps: ImageProgress[] = [];
    const image = await pool.openImage(virtual, { progress: (step) => steps.push(step) });
    assert.equal(image.format, format);
    assert.equal(steps.filter((step) => step.step === 'convert').at(-1)?.fraction, 1);
    assert.deepEqual(Buffer.concat(await image.device.read(5 * MIB, MIB)), content.subarray(5 * MIB, 6 * MIB));
    assert.equal(image.size, content.length);
    assert.equal((await pool.openImage(raw)).identity, image.identity);

    const converted = readdirSync(join(directory, 'data/images')).filter((name) => name.endsWith('.raw'));
    assert.equal(converted.length, 1);
    const file = statSync(join(directory, 'data/images', converted[0] ?? ''));
    assert(file.blocks * 512 < 4 * MIB, 'zeros stay holes');
    await pool.close();
    steps.length = 0;
    const again = new LocalPool({ directory: join(directory, 'data'), fileSystem: nodeFileSystem, run: runProcess });
    t.after(() => again.close());
    assert.equal((await again.openImage(virtual, { progress: (step) => steps.push(step) })).identity, image.identity);
    assert.deepEqual(steps, [], 'neither converted nor read again');
  });
}
