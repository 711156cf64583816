/** `diskless boot` where DHCP does not name the server: SLP finds it (RFC 4173 §6). dnsmasq gives addresses, `diskless serve` the rest. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeBootDisk } from '../support/boot-disk.ts';
import { startDnsmasq } from '../support/dnsmasq.ts';
import { NamespacePair } from '../support/namespace-pair.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { ServeProgram } from '../support/serve-program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const program = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');
const mac = '52:54:00:42:00:0c';
const targetName = 'iqn.2026-11.internal.diskless:52-54-00-42-00-0c';

test('DHCP names the target only, and SLP finds its server', async (t) => {
  if (!requires(t, 'dnsmasq', 'ip', 'sfdisk', root, networkNamespaces)) return;
  const directory = temporaryDirectory(t);
  const image = join(directory, 'image.img');
  makeBootDisk(image);
  using pair = new NamespacePair('boot-slp', mac);
  const settings = ['--interface', 'server0', '--data', join(directory, 'data'), '--dhcp', 'off', '--slp', 'on'];
  await using _server = await ServeProgram.start([image, ...settings], ['ip', 'netns', 'exec', pair.server]);
  await using _dnsmasq = await startDnsmasq(pair, [`--dhcp-option=17,iscsi:::::${targetName}`]);
  const { status, output } = await pair.run(process.execPath, [program, 'boot', '--interface', 'client0'], 60_000);
  assert.equal(status, 0, output);
  assert.match(output, /discovery +> the target .* is known and its server is not/);
  assert.match(output, /discovery += iqn\.2026-11\.internal\.diskless:52-54-00-42-00-0c/);
  assert.match(output, /boot +=.*bootable by BIOS and UEFI/);
});
