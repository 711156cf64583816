/** Both faces of this program on one cable: `diskless serve` on one end, `diskless boot` on the other. */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
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

test('with a key on both ends the boot client believes the boot server, and nobody without it (RFC 3118)', async (t) => {
  if (!requires(t, 'ip', 'sfdisk', root, networkNamespaces)) return;
  const directory = temporaryDirectory(t);
  const image = join(directory, 'image.img');
  makeBootDisk(image);
  const keyFile = (name: string, line: string) => {
    const path = join(directory, name);
    writeFileSync(path, `${line}\n`, { mode: 0o600 });
    return path;
  };
  const right = keyFile('right', `client ${mac} 17 the-secret-of-this-client`);
  const wrong = keyFile('wrong', 'key 17 another-secret-of-somebody');
  using pair = new NamespacePair('boot-proof', mac);
  const settings = ['--interface', 'server0', '--data', join(directory, 'data'), '--dhcp', 'full', '--json'];
  const server = pair.spawn('server', process.execPath, [
    ...[program, 'serve', image, ...settings, '--dhcp-auth-file', right],
  ]);
  const boot = (...args: string[]) =>
    pair.run(process.execPath, [program, 'boot', '--interface', 'client0', ...args], 60_000);
  try {
    assert.ok(server.stdout !== null);
    for await (const line of createInterface({ input: server.stdout })) {
      if (JSON.parse(line).event === 'ready') break;
    }
    const proven = await boot('--dhcp-auth-file', right);
    assert.equal(proven.status, 0, proven.output);
    assert.match(proven.output, /its offer carries an iscsi: root path, and it has the key 17/);
    const forged = await boot('--dhcp-auth-file', wrong, '--timeout', '8s');
    assert.equal(forged.status, 7, forged.output);
    assert.match(forged.output, /has a wrong code for the key 17 \(DHCP_AUTH_FAILED\)/);
    const silent = await boot('--timeout', '8s');
    assert.match(silent.output, /DHCP_NO_OFFER/, 'a client that has a key must prove it');
  } finally {
    await end(server);
  }
});
