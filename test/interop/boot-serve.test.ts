/** Both faces of this program on one cable: `diskless serve` on one end, `diskless boot` on the other. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { makeBootDisk } from '../support/boot-disk.ts';
import { end, NamespacePair } from '../support/namespace-pair.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const program = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');
const mac = '52:54:00:42:00:02';

test('the boot client gets its address and its disk from the boot server', async (t) => {
  if (!requires(t, 'ip', 'sfdisk', root, networkNamespaces)) return;
  const directory = temporaryDirectory(t);
  const image = join(directory, 'image.img');
  makeBootDisk(image);
  using pair = new NamespacePair('boot-serve', mac);
  const settings = ['--interface', 'server0', '--data', join(directory, 'data'), '--dhcp', 'full', '--json'];
  const server = pair.spawn('server', process.execPath, [program, 'serve', image, ...settings]);
  try {
    assert.ok(server.stdout !== null);
    for await (const line of createInterface({ input: server.stdout })) {
      if (JSON.parse(line).event === 'ready') break;
    }
    const copy = join(directory, 'copy.img');
    const { status, output } = await pair.run(process.execPath, [
      program,
      'boot',
      '--interface',
      'client0',
      '--read',
      '16M',
      '--out',
      copy,
    ]);
    assert.equal(status, 0, output);
    assert.match(output, /dhcp +offer of 192\.0\.2\.\d+ from 192\.0\.2\.1, Root Path "iscsi:192\.0\.2\.1:/);
    assert.match(output, /partition 2: .* "root"/);
    assert.match(output, /boot +=.*bootable by BIOS and UEFI/);
    assert.ok(readFileSync(copy).equals(readFileSync(image)));
  } finally {
    await end(server);
  }
});
