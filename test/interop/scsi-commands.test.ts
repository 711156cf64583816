/** The commands and pages that no other initiator here sends, from our own to `diskless target`, with Wireshark's eyes. */

import assert from 'node:assert/strict';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { inOnePiece } from '../../src/bytes/index.ts';
import { Initiator } from '../../src/initiator/index.ts';
import type { ScsiResult } from '../../src/initiator/scsi-request.ts';
import { systemClock } from '../../src/os/clock.ts';
import { nodeNetwork } from '../../src/os/node-network.ts';
import { encodeLun } from '../../src/scsi/lun.ts';
import { pageContent } from '../../src/scsi/vital-product-data.ts';
import { requires, root } from '../support/requires.ts';
import { PROGRAM_TARGET_NAME, TargetProgram } from '../support/target-program.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { populateList, writeList } from '../support/token-lists.ts';
import { Wireshark } from '../support/wireshark.ts';

const BLOCK = 512;

test('Wireshark finds nothing wrong with CDBs of 32 bytes, tokens, pages and reports', async (t) => {
  if (!requires(t, 'tshark', root)) return;
  const image = join(temporaryDirectory(t), 'disk.img');
  writeFileSync(image, '');
  truncateSync(image, 1 << 20);
  await using target = await TargetProgram.start(image, '--management-url', 'https://192.0.2.1/');
  const login = (initiatorName: string) => {
    const initiator = new Initiator({ network: nodeNetwork, clock: systemClock, initiatorName });
    return initiator.login({ host: '127.0.0.1', port: target.port }, PROGRAM_TARGET_NAME);
  };
  const wireshark = await Wireshark.start(t, target.port, async (name) => (await login(name)).close());
  const session = await login('iqn.2001-04.com.example:client');
  const lun = encodeLun(0);
  const run = (cdb: string, more: { read?: number; write?: Uint8Array } = {}): Promise<ScsiResult> =>
    session.execute({
      lun,
      cdb: Buffer.from(cdb.replaceAll(' ', ''), 'hex'),
      ...(more.read === undefined ? {} : { readLength: more.read }),
      ...(more.write === undefined ? {} : { write: [more.write] }),
    });
  const ask = async (cdb: string, read = 4096): Promise<Buffer> => {
    const result = await run(cdb, { read });
    assert.equal(result.status, 0, `${cdb}: ${JSON.stringify(result.sense)}`);
    return Buffer.from(inOnePiece(result.data));
  };
  const give = async (cdb: string, write: Uint8Array): Promise<void> => {
    const result = await run(cdb, { write });
    assert.equal(result.status, 0, `${cdb}: ${JSON.stringify(result.sense)}`);
  };

  await ask('00 00 00 00 00 00', 0);
  const long = (serviceAction: string): string =>
    `7f 00 00 00 00 00 00 18 ${serviceAction} 00 00 0000000000000000 00000000 0000 0000 00000001`;
  const data = Buffer.alloc(BLOCK, 'x');
  await give(long('000b'), data);
  assert.ok((await ask(long('0009'), BLOCK)).equals(data));
  await ask(long('000a'), 0);
  await give(long('000c'), data);
  await give(long('000d'), data);
  await give(long('000e'), data);

  const length = (list: Uint8Array): string => list.length.toString(16).padStart(8, '0');
  const populate = populateList([[0, 8]]);
  await give(`83 10 00000000 00000001 ${length(populate)} 00 00`, populate);
  const token = (await ask('84 07 00000001 00000000 00001000 00 00')).subarray(38, 38 + 512);
  const writing = writeList(token, [[64, 8]]);
  await give(`83 11 00000000 00000002 ${length(writing)} 00 00`, writing);
  assert.ok((await ask('28 00 00000040 00 0001 00', BLOCK)).equals(data), 'it is copied');
  await ask('84 07 00000002 00000000 00001000 00 00');
  await ask('84 05 00000002 00000000 00001000 00 00');
  await ask('83 1c 00000002 0000000000000000 00 00', 0);

  const codes = pageContent(0x00, await ask('12 01 00 1000 00'));
  for (const code of codes ?? []) await ask(`12 01 ${code.toString(16).padStart(2, '0')} 1000 00`);
  await ask('1a 08 3f ff ff 00', 255);
  await ask('5a 00 3f ff 000000 1000 00');
  // Not log page 00h: the dissector takes its list of pages for parameters.
  for (const page of ['42', '43', '45', '6f']) await ask(`4d 00 ${page} 00 00 0000 1000 00`);
  await ask('a3 0c 00 00 0000 00002000 00 00', 8192);
  await ask('a3 0c 02 7f 000d 00001000 00 00');
  await ask('a3 0d 80 000000 00001000 00 00');
  await ask('9b 03 0000000000000000 00000004 00 00', 4);
  await ask('9e 12 0000000000000000 00001000 00 00');
  await session.close();
  await wireshark.stop();
  assert.deepEqual(wireshark.complaints(), []);
  assert.deepEqual(
    wireshark.fields('iscsi.ahs.extended_cdb', 'iscsi.totalahslength', 'scsi.spc.svcaction'),
    ['000b', '0009', '000a', '000c', '000d', '000e'].map((action) => `5\t0x${action}`),
    'it reads the CDBs of 32 bytes as such',
  );
});
