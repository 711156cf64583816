/** `diskless serve --slp on` on one end of a cable, `diskless boot --discovery slp` on the other: nobody names the server. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeBootDisk } from '../support/boot-disk.ts';
import { Ipv6Pair } from '../support/ipv6-pair.ts';
import { NamespacePair } from '../support/namespace-pair.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { ServeProgram } from '../support/serve-program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const program = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');
const mac = '52:54:00:42:00:27';
const targetName = `iqn.2026-11.internal.diskless:${mac.replaceAll(':', '-')}`;

test('a machine that knows its target’s name, or only itself, finds its disk by SLP, or by the iSNS server that SLP tells of (RFC 4173 §6, RFC 4018 §4.2)', async (t) => {
  if (!requires(t, 'ip', 'sfdisk', root, networkNamespaces)) return;
  const directory = temporaryDirectory(t);
  const image = join(directory, 'image.img');
  makeBootDisk(image);
  using pair = new NamespacePair('slp-boot', mac);
  pair.setClientAddress('192.0.2.77');
  const settings = [
    '--interface',
    'server0',
    '--data',
    join(directory, 'data'),
    '--dhcp',
    'off',
    '--slp',
    'on',
    '--isns',
    'on',
    '--loader-dir',
    'off',
  ];
  await using _server = await ServeProgram.start([image, ...settings], ['ip', 'netns', 'exec', pair.server]);
  const boot = async (discovery: string, ...args: readonly string[]) => {
    const client = [program, 'boot', '--interface', 'client0', '--dhcp', 'off', '--discovery', discovery, ...args];
    return pair.run(process.execPath, client, 60_000);
  };
  const named = await boot('slp', '--target', targetName);
  assert.equal(named.status, 0, named.output);
  assert.match(named.output, /discovery .*asking 192\.0\.2\.1: \(iscsi-name=/);
  assert.match(named.output, /boot +=.*bootable by BIOS and UEFI/);
  const unnamed = await boot('slp');
  assert.equal(unnamed.status, 0, unnamed.output);
  assert.match(unnamed.output, new RegExp(`discovery .*${targetName} at 192\\.0\\.2\\.1:3260, to boot from`));
  assert.match(unnamed.output, /boot +=.*bootable by BIOS and UEFI/);
  const byIsns = await boot('isns');
  assert.equal(byIsns.status, 0, byIsns.output);
  assert.match(byIsns.output, /SLP tells of an iSNS server at 192\.0\.2\.1:3205/);
  assert.match(byIsns.output, /boot +=.*bootable by BIOS and UEFI/);
});

test('over IPv6 everybody is asked by multicast, and an agent that is named also where there is IPv4 (RFC 3111 §4.1)', async (t) => {
  if (!requires(t, 'ip', 'sfdisk', root, networkNamespaces)) return;
  const directory = temporaryDirectory(t);
  const image = join(directory, 'image.img');
  makeBootDisk(image);
  using pair = new Ipv6Pair('slp-boot6', mac);
  pair.command('client', 'ip', 'address', 'add', '2001:db8::7/64', 'dev', 'client0', 'nodad');
  const place = ['--interface', 'server0', '--data', join(directory, 'data'), '--loader-dir', 'off'];
  const settings = [...place, '--dhcp', 'off', '--dhcp6', 'on', '--slp', 'on'];
  await using _server = await ServeProgram.start([image, ...settings], ['ip', 'netns', 'exec', pair.server]);
  const boot = async (...args: readonly string[]) => {
    const client = [program, 'boot', '--interface', 'client0', '--dhcp', 'off', '--discovery', 'slp', ...args];
    const { status, output } = await pair.run(process.execPath, [...client, '--target', targetName], 60_000);
    assert.equal(status, 0, output);
    assert.match(output, /boot +=.*bootable by BIOS and UEFI/);
    return output;
  };
  assert.match(await boot(), new RegExp(`discovery .*${targetName} at \\[2001:db8::1\\]:3260`));
  pair.command('client', 'ip', 'address', 'add', '192.0.2.77/24', 'dev', 'client0');
  const named = await boot('--slp-agent', '2001:db8::1');
  assert.doesNotMatch(named, /does not answer/);
  assert.match(named, new RegExp(`discovery .*${targetName} at \\[2001:db8::1\\]:3260`));
});
