/** Whole boots over one cable, as Wireshark sees them: every protocol that this program speaks, and nothing wrong with any packet. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeBootDisk } from '../support/boot-disk.ts';
import { Capture } from '../support/capture.ts';
import { end, NamespacePair, said } from '../support/namespace-pair.ts';
import { networkNamespaces, requires, root } from '../support/requires.ts';
import { ServeProgram } from '../support/serve-program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const program = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');
const mac = '52:54:00:42:00:44';
const targetName = `iqn.2026-11.internal.diskless:${mac.replaceAll(':', '-')}`;

/** As Wireshark calls them. */
const spoken = ['dhcp', 'dhcpv6', 'http', 'icmpv6', 'iscsi', 'isns', 'nbd', 'srvloc', 'tftp'];

test('boots by DHCP, DHCPv6, SLP and iSNS, with TFTP, HTTP and NBD: no packet is malformed or marked as an error', async (t) => {
  if (!requires(t, 'tshark', 'nbdcopy', 'ip', 'sfdisk', root, networkNamespaces)) return;
  const directory = temporaryDirectory(t);
  const image = join(directory, 'image.img');
  makeBootDisk(image);
  for (const name of ['undionly.kpxe', 'snponly.efi', 'ipxe.efi']) {
    writeFileSync(join(directory, name), Buffer.alloc(70_000, name));
  }
  using pair = new NamespacePair('dissection', mac);
  const inServer = ['ip', 'netns', 'exec', pair.server];
  const [ip = '', ...added] = [...inServer, 'ip', 'address', 'add', '2001:db8::1/64', 'dev', 'server0', 'nodad'];
  assert.equal(spawnSync(ip, added).status, 0);
  const capture = await Capture.start(t, pair);
  const services = ['--dhcp', 'full', '--dhcp6', 'on', '--slp', 'on', '--isns', 'on', '--loader-dir', directory];
  const data = join(directory, 'data');
  {
    await using server = await ServeProgram.start(
      [image, '--interface', 'server0', '--data', data, ...services],
      inServer,
    );
    const boot = async (...args: readonly string[]) => {
      const { status, output } = await pair.run(process.execPath, [program, 'boot', ...args], 60_000);
      assert.equal(status, 0, `${output}\n${server.report}`);
      assert.match(output, /boot +=.*bootable by BIOS and UEFI/);
    };
    const onClient = ['--interface', 'client0'];
    await boot(
      ...onClient,
      '--software-stage',
      'tftp://192.0.2.1/undionly.kpxe',
      '--read',
      '4M',
      '--out',
      join(directory, 'copy'),
    );
    await boot(...onClient, '--dhcp', 'v6');
    pair.setClientAddress('192.0.2.77');
    const found = [...onClient, '--dhcp', 'off'];
    await boot(...found, '--discovery', 'slp', '--software-stage', 'http://192.0.2.1:8080/ipxe.efi');
    await boot(...found, '--discovery', 'isns');
    const rootPath = `iscsi:192.0.2.1::::${targetName}`;
    const serving = ['boot', '--root-path', rootPath, '--nbd', '192.0.2.77:10809'];
    const client = pair.spawn('client', process.execPath, [program, ...serving]);
    try {
      await said(client, /until this program ends/);
      const [command = '', ...args] = [...inServer, 'nbdcopy', 'nbd://192.0.2.77', 'null:'];
      const { status, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: 30_000 });
      assert.equal(status, 0, stderr);
    } finally {
      await end(client);
    }
  }
  await capture.stop();
  // What TCP sends twice, or in another order, is the kernel's affair.
  const again = 'tcp.analysis.retransmission || tcp.analysis.out_of_order';
  const ill = `(_ws.malformed || _ws.expert.severity == error) && !(${again})`;
  assert.deepEqual(capture.fields(ill, 'frame.number', 'frame.protocols', '_ws.expert.message'), []);
  const seen = new Set(capture.fields('frame', 'frame.protocols').flatMap((line) => line.split(':')));
  assert.deepEqual(
    spoken.filter((protocol) => !seen.has(protocol)),
    [],
    [...seen].join(' '),
  );
});
