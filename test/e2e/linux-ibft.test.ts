/** Linux as a reader of our boot firmware tables: it shows every field as it was written, and logs in by what it has read. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCommand } from '../../scripts/command.ts';
import { initiatorGuest } from '../../scripts/initiator-guest/build.ts';
import { parseIpv4, parseIpv6, parseMac } from '../../src/bytes/index.ts';
import { decodeIbft, encodeIbft, type IbftTable } from '../../src/ibft/index.ts';
import { oneDisk, twoDisks } from '../ibft/goldens.ts';
import { startGuest } from '../support/machine/guest.ts';
import { linuxShows, parseShownTable, showTable } from '../support/machine/linux-ibft.ts';
import { guestNeeds } from '../support/machine/needs.ts';
import { type MachineNetwork, makeNetwork } from '../support/machine/network.ts';
import { requires } from '../support/requires.ts';
import { PROGRAM_TARGET_NAME, TargetProgram } from '../support/target-program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const logFolder = join(import.meta.dirname, '..', '..', '.cache', 'consoles');
const program = join(import.meta.dirname, '..', '..', 'bin', 'diskless.js');
const secrets = { alice: 'correct horse battery', disk: 'what the disk knows' } as const;

test('Linux takes our boot firmware tables', async (t) => {
  if (!requires(t, ...guestNeeds)) return;
  const files = await initiatorGuest({ onProgress: (what) => t.diagnostic(what) });
  mkdirSync(logFolder, { recursive: true });
  const folder = temporaryDirectory(t);
  const image = join(folder, 'disk.img');
  writeFileSync(image, '');
  truncateSync(image, 64 << 20);
  const chapFile = join(folder, 'chap');
  writeFileSync(chapFile, `initiator alice ${secrets.alice}\ntarget disk ${secrets.disk}\n`);
  chmodSync(chapFile, 0o600);

  await using cleanup = new AsyncDisposableStack();
  const network = cleanup.use(await makeNetwork({ purpose: 'linux-ibft' }));
  cleanup.use(await TargetProgram.startIn(network, image, '--chap-file', chapFile));
  const guestWith = async (number: number, table: Uint8Array) => {
    const file = join(folder, `${number}.bin`);
    writeFileSync(file, table);
    const hardware = ['-acpitable', `file=${file}`];
    const log = join(logFolder, `ibft-${number}.log`);
    const guest = cleanup.use(await startGuest({ network, files, number, hardware, log }));
    await guest.run('modprobe iscsi_ibft');
    return guest;
  };

  const mutual = withDisk(oneDisk.table, network.address);
  const two = withText(twoDisks.table);
  const left = await tableOfBoot(network, folder, chapFile);
  const [first, second, third] = await Promise.all([
    guestWith(2, encodeIbft(mutual)),
    guestWith(3, encodeIbft(two)),
    guestWith(4, left),
  ]);

  await t.test('IPv4, one NIC and one target, CHAP both ways: every field', async () => {
    assert.deepEqual(parseShownTable(await first.run(showTable)), linuxShows(mutual));
  });

  await t.test('IPv6, two NICs and two targets: every field', async () => {
    const {
      'ethernet0/subnet-mask': _,
      'ethernet1/subnet-mask': __,
      ...shown
    } = parseShownTable(await second.run(showTable));
    assert.deepEqual(shown, linuxShows(two));
  });

  await t.test('the table of a boot that knows two disks: every field of both targets', async () => {
    const table = decodeIbft(left);
    const targets = table.targets.map(({ name, address, port, bootSelected }) => [name, address, port, bootSelected]);
    assert.deepEqual(targets, [
      [PROGRAM_TARGET_NAME, network.address, 3260, true],
      [mirror.name, mirror.address, mirror.port, false],
    ]);
    assert.deepEqual(parseShownTable(await third.run(showTable)), linuxShows(table));
  });

  await t.test('iscsistart logs in by the table, and both sides prove who they are', async () => {
    await first.run('iscsistart -b');
    await first.until('[ -b /dev/sda ]');
    const session = await first.run(
      'cd /sys/class/iscsi_session/*; cat targetname username username_in; cd - > /dev/null',
    );
    assert.deepEqual(session.split('\n'), [PROGRAM_TARGET_NAME, 'alice', 'disk']);
  });
});

/** A second disk, which nobody logs in to before the first one has failed. */
const mirror = { name: 'iqn.2026-11.internal.test:mirror', address: '192.168.77.9', port: 3261 } as const;

/** What `diskless boot --ibft` leaves that was told of two disks. */
async function tableOfBoot(network: MachineNetwork, folder: string, chapFile: string): Promise<Uint8Array> {
  await using standIn = await network.standIn('52:54:00:d1:5c:04');
  await runCommand(...standIn.inside('ip', 'link', 'set', standIn.interface, 'up'));
  const own = network.address.replace(/\d+$/, '4/24');
  await runCommand(...standIn.inside('ip', 'address', 'add', own, 'dev', standIn.interface));
  const file = join(folder, 'left.bin');
  const disks = [
    ...['--root-path', `iscsi:${network.address}::::${PROGRAM_TARGET_NAME}`],
    ...['--second-root-path', `iscsi:${mirror.address}::${mirror.port}::${mirror.name}`],
  ];
  const args = [program, 'boot', '--interface', standIn.interface, ...disks, '--chap-file', chapFile, '--ibft', file];
  await runCommand(...standIn.inside(process.execPath, ...args));
  return readFileSync(file);
}

/** The table, with the disk of the target that is there. */
function withDisk(table: IbftTable, server: string): IbftTable {
  const [nic] = table.nics;
  const [target] = table.targets;
  assert.ok(nic && target);
  return {
    ...table,
    nics: [{ ...nic, mac: parseMac('52:54:00:d1:5c:02'), address: parseIpv4(server.replace(/\d+$/, '2')), vlan: 0 }],
    targets: [
      {
        ...target,
        address: parseIpv4(server),
        lun: new Uint8Array(8),
        name: PROGRAM_TARGET_NAME,
        chap: { name: 'alice', secret: Buffer.from(secrets.alice) },
        reverseChap: { name: 'disk', secret: Buffer.from(secrets.disk) },
      },
    ],
  };
}

/** The table, with a secret and a maker that can be read, and servers of every kind. */
function withText(table: IbftTable): IbftTable {
  const [first, second] = table.targets;
  const { initiator } = table;
  assert.ok(initiator && first && second);
  return {
    ...table,
    oemId: 'MAKER',
    oemTableId: 'TABLE',
    initiator: {
      ...initiator,
      isnsServer: parseIpv6('2001:db8::3205'),
      primaryRadiusServer: parseIpv4('192.0.2.18'),
      secondaryRadiusServer: parseIpv6('2001:db8::1812'),
    },
    targets: [first, { ...second, chap: { name: 'b', secret: Buffer.from('a secret of b') } }],
  };
}
