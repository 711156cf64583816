/** `diskless boot` where nobody names the server: open-isns knows where the disk is, and tgtd has it. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCli } from '../cli/run-cli.ts';
import { makeBootDisk } from '../support/boot-disk.ts';
import { freePort } from '../support/free-port.ts';
import { Isnsadm, startIsnsd } from '../support/isnsd.ts';
import { requires, root } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { startTgtd } from '../support/tgtd.ts';

const client = 'iqn.2001-04.com.example:client';
const disk = 'iqn.2001-04.com.example:disk';
const archive = 'iqn.2001-04.com.example:archive';

test('the boot list of isnsd, and a target by its name, lead to the disk (RFC 4173 §6)', async (t) => {
  if (!requires(t, 'isnsd', 'isnsadm', 'tgtd', 'tgtadm', 'sfdisk', root)) return;
  const address = '127.0.71.8';
  await startIsnsd(t, address);
  const file = join(temporaryDirectory(t), 'disk.img');
  makeBootDisk(file);
  const port = await freePort();
  await using _tgtd = await startTgtd({ portal: `127.0.0.1:${port}`, targetName: disk, files: [file] });
  for (const name of [archive, disk]) {
    const portal = `portal=127.0.0.1:${name === disk ? port : port + 1}/tcp`;
    await new Isnsadm(t, address, name).succeed('--register', `entity=${name.slice(-4)}`, `target=${name}`, portal);
  }
  const members = [`member-name=${client}`, `member-name=${disk}`];
  await new Isnsadm(t, address).succeed('--dd-register', 'dd-name=boot', 'dd-features=Boot list enabled', ...members);

  const common = ['boot', '--dhcp', 'off', '--isns-server', address, '--initiator', client, '--lun', '1', '--json'];
  const unnamed = await runCli(common);
  assert.equal(unnamed.code, 0, unnamed.stderr);
  const report = JSON.parse(unnamed.stdout);
  assert.deepEqual(report.parameters.targetName, { value: disk, source: 'discovery' });
  assert.deepEqual(report.stages[2].learned.targets, [{ targetName: disk, address: `127.0.0.1:${port}` }]);

  const named = await runCli([...common, '--target', disk, '--discovery', 'isns']);
  assert.equal(named.code, 0, named.stderr);
  const stranger = await runCli([...common, '--target', archive, '--discovery', 'isns']);
  assert.match(stranger.stderr, /iSNS does not know iqn\.2001-04\.com\.example:archive \(BOOT_TARGET_NOT_FOUND\)/);
  assert.equal(stranger.code, 5);
});
