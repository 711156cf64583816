/**
 * Our boot client goes first and leaves a boot firmware table; then Debian starts by it, without a boot loader: its own kernel's
 * initiator reads in the table where the disk is.
 */
import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCommand } from '../../scripts/command.ts';
import { debianImage } from '../../scripts/debian-image/build.ts';
import { decodeIbft, PrefixOrigin } from '../../src/ibft/index.ts';
import { debianKernel } from '../support/machine/debian-kernel.ts';
import { linuxShows, parseShownTable, showTable } from '../support/machine/linux-ibft.ts';
import { startMachine } from '../support/machine/machine.ts';
import { machineNeeds } from '../support/machine/needs.ts';
import { makeNetwork } from '../support/machine/network.ts';
import { startServer } from '../support/machine/server.ts';
import { requires } from '../support/requires.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const logFolder = join(import.meta.dirname, '..', '..', '.cache', 'consoles');
const program = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');
const mac = '52:54:00:d1:5c:1b';

test('Debian boots by the table that `diskless boot --ibft` leaves', async (t) => {
  if (!requires(t, ...machineNeeds, 'debugfs')) return;
  const image = await debianImage({ onProgress: (what) => t.diagnostic(what) });
  await mkdir(logFolder, { recursive: true });
  const folder = temporaryDirectory(t);
  const file = join(folder, 'ibft.bin');
  const { kernel, initramfs } = await debianKernel(image, folder);

  await using cleanup = new AsyncDisposableStack();
  const network = cleanup.use(await makeNetwork({ purpose: 'debian-ibft' }));
  cleanup.use(await startServer({ network, image, data: join(folder, 'data') }));
  {
    await using standIn = await network.standIn(mac);
    const args = [program, 'boot', '--interface', standIn.interface, '--ibft', file];
    await runCommand(...standIn.inside(process.execPath, ...args));
  }
  const table = decodeIbft(await readFile(file));
  const [nic] = table.nics;
  const [target] = table.targets;
  assert.equal(nic?.mac, mac);
  assert.equal(nic?.origin, PrefixOrigin.dhcp);
  assert.equal(nic?.dhcpServer, network.address);
  assert.equal(target?.address, network.address);

  const commandLine = 'root=LABEL=root ro ip=dhcp net.ifnames=0 console=ttyS0 mitigations=off';
  const machine = cleanup.use(
    await startMachine({
      network,
      mac,
      firmware: 'bios',
      hardware: [
        ...['-kernel', kernel, '-initrd', initramfs, '-append', commandLine],
        ...['-acpitable', `file=${file}`],
      ],
      log: join(logFolder, 'ibft.log'),
    }),
  );
  const proof = await machine.up();
  assert.equal(proof.target, target?.name);
  assert.equal(proof.transport, 'iscsi');
  assert.equal(proof.ip, `${nic?.address}/${nic?.prefix}`);
  assert.deepEqual(parseShownTable(await machine.run(showTable)), linuxShows(table));
});
