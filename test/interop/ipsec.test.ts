/** `diskless ipsec print`, read by strongSwan: both ends' configuration and the key are taken, and iSCSI goes through what they negotiate. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeBootDisk } from '../support/boot-disk.ts';
import { Capture } from '../support/capture.ts';
import { NamespacePair } from '../support/namespace-pair.ts';
import { file, networkNamespaces, requires, root } from '../support/requires.ts';
import { ownEsp, Strongswan } from '../support/strongswan.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { startTgtd } from '../support/tgtd.ts';

const program = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');
const client = 'c7.example.com';
const peers = ['charon-systemd', 'swanctl', 'ip', root, networkNamespaces] as const;

function print(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, 'ipsec', 'print', ...args], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  return stdout;
}

test('strongSwan takes the configuration of both ends, IPv4 and IPv6, and the key beside it (RFC 7146 §3)', async (t) => {
  if (!requires(t, ...peers)) return;
  const directory = temporaryDirectory(t);
  using pair = new NamespacePair('ipsec', '52:54:00:42:00:09');
  await using strongswan = await Strongswan.start({ pair, side: 'server', directory, protects: false });
  for (const server of ['192.0.2.5', '2001:db8::5']) {
    for (const side of ['client', 'server']) {
      const ports = ['--port', '3260', '--port', '3261'];
      const configuration = print('--side', side, '--server', server, '--client', client, ...ports);
      const path = strongswan.write(`${side}-${server}`, configuration);
      assert.match(strongswan.swanctl('--load-conns', '--file', path), /successfully loaded 1 connections/);
      const shown = strongswan.swanctl('--list-conns');
      assert.match(shown, /diskless: IKEv2/);
      assert.match(shown, /iscsi: TUNNEL/);
      // Shown by names where the system has lists of them.
      assert.match(shown, /dynamic\[(tcp|6)\/(iscsi-target|3260)\] dynamic\[(tcp|6)\/3261\]/);
      assert.match(shown, /dynamic\[(tcp|6)\/(svrloc|427)\] dynamic\[(udp|17)\/(svrloc|427)\]/);
      assert.match(shown, /dynamic\[(tcp|6)\/(isns|3205)\] dynamic\[(udp|17)\/(isns|3205)\]/);
      assert.match(strongswan.swanctl('--load-creds', '--file', path), /loaded ike secret 'ike-diskless'/);
    }
  }
});

test('two strongSwans negotiate what is printed, and a boot goes through their tunnel: nobody on the cable sees iSCSI', async (t) => {
  if (!requires(t, ...peers, ownEsp, file('/dev/net/tun'), 'tgtd', 'tgtadm', 'tshark', 'sfdisk')) return;
  const directory = temporaryDirectory(t);
  const disk = join(directory, 'disk.img');
  makeBootDisk(disk);
  const targetName = 'iqn.2001-04.com.example:disk';
  using pair = new NamespacePair('ipsec-tunnel', '52:54:00:42:00:0a');
  pair.setClientAddress('192.0.2.77');
  await using _tgtd = await startTgtd({ portal: '192.0.2.1:3260', targetName, files: [disk], namespace: pair.server });
  const capture = await Capture.start(t, pair);
  const boot = () => {
    const rootPath = `iscsi:192.0.2.1:::1:${targetName}`;
    return pair.run(process.execPath, [program, 'boot', '--dhcp', 'off', '--root-path', rootPath], 60_000);
  };
  await using stack = new AsyncDisposableStack();
  const start = async (side: 'server' | 'client') => {
    const options = { pair, side, directory: join(directory, side), protects: true };
    const strongswan = stack.use(await Strongswan.start(options));
    const printed = print('--side', side, '--server', '192.0.2.1', '--client', client);
    // The server's end of user space has no extended sequence numbers; the client offers what it is told to, and takes what is left.
    const configuration = side === 'client' ? printed : printed.replaceAll(/[^ ]*-esn, /g, '');
    const path = strongswan.write('printed', configuration);
    strongswan.swanctl('--load-all', '--file', path);
    return strongswan;
  };
  const server = await start('server');
  const strongswan = await start('client');
  strongswan.swanctl('--initiate', '--child', 'iscsi', '--timeout', '10');

  const { status, output } = await boot();
  assert.equal(status, 0, output);
  assert.match(output, /boot +=.*bootable by BIOS and UEFI/);
  for (const end of [server, strongswan]) {
    const shown = end.swanctl('--list-sas');
    assert.match(shown, /AES_GCM_16-128\/PRF_HMAC_SHA2_256\/MODP_2048/);
    assert.match(shown, /iscsi: #\d+, reqid \d+, INSTALLED, TUNNEL-in-UDP, ESP:AES_CBC-128\/HMAC_SHA1_96/);
    assert.match(shown, /in +\w+, +[1-9]\d+ bytes/);
    assert.match(shown, /(tcp|6)\/(iscsi-target|3260)/);
  }
  await capture.stop();
  assert.notEqual(capture.fields('esp', 'frame.number').length, 0);
  assert.deepEqual(capture.fields('tcp || iscsi', 'frame.number', '_ws.col.Info'), []);
});
