/** Parameter data of the commands: what we send, read back by what an initiator would read it with. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  Association,
  commandNames,
  DesignatorType,
  decodeDesignators,
  decodeDeviceIdentification,
  decodeLbaStatus,
  decodeLun,
  decodeLunList,
  decodeStandardInquiry,
  decodeUnmap,
  describeCommand,
  encodeAllCommands,
  encodeDeviceIdentification,
  encodeLbaStatus,
  encodeLun,
  encodeLunList,
  encodeOneCommand,
  encodeStandardInquiry,
  encodeUnmap,
  MAXIMUM_LUN,
  naaLocallyAssigned,
  scsiNameString,
  Transfer16Cdb,
  t10VendorId,
  usageData,
} from '../../src/scsi/index.ts';

test('LUNs: small ones by peripheral addressing, large ones in the flat space', () => {
  assert.equal(Buffer.from(encodeLun(0)).toString('hex'), '0000000000000000');
  assert.equal(Buffer.from(encodeLun(255)).toString('hex'), '00ff000000000000');
  assert.equal(Buffer.from(encodeLun(256)).toString('hex'), '4100000000000000');
  assert.equal(decodeLun(Buffer.from('4001000000000000', 'hex')), 1);
  assert.equal(decodeLun(Buffer.from('0100000000000000', 'hex')), undefined, 'bus 1');
  assert.equal(decodeLun(Buffer.from('0001000100000000', 'hex')), undefined, 'a second level');
  assert.equal(decodeLun(Buffer.from('c101000000000000', 'hex')), undefined, 'a well known unit');
  fc.assert(
    fc.property(fc.integer({ min: 0, max: MAXIMUM_LUN }), (lun) => assert.equal(decodeLun(encodeLun(lun)), lun)),
  );
});

test('REPORT LUNS says when it was cut short', () => {
  const list = encodeLunList([0, 1, 300]);
  assert.deepEqual(decodeLunList(list), { luns: [0, 1, 300], complete: true });
  assert.deepEqual(decodeLunList(list.subarray(0, 20)), { luns: [0], complete: false });
  assert.deepEqual(decodeLunList(new Uint8Array(3)), { luns: [], complete: false });
});

test('standard INQUIRY data, byte for byte', () => {
  const unit = { vendor: 'DISKLESS', product: 'Virtual Disk', revision: '1.0', removable: false };
  const data = encodeStandardInquiry(unit, 2);
  // prettier-ignore
  const golden = [
    '00',
    '00', //         direct access block device, connected, not removable
    '06',
    '12',
    '5b', //   SPC-4; hierarchical, format 2; 91 more bytes
    '38', //               target port groups, implicit and explicit; third-party copy
    '0002', //             command queuing
    '4449534b4c455353', // vendor
    '5669727475616c204469736b20202020', // product
    '312e3020', //         revision
    '00'.repeat(22),
    '00a00962046004c0', // SAM-5, iSCSI of protocol level 2 (RFC 7144 §4.2), SPC-4, SBC-3
    '00'.repeat(8),
    '00'.repeat(22),
  ].join('');
  assert.equal(Buffer.from(data).toString('hex'), golden);
  const { vendor, product, revision, version } = decodeStandardInquiry(data);
  assert.deepEqual(
    { vendor, product, revision, version },
    {
      vendor: 'DISKLESS',
      product: 'Virtual Disk',
      revision: '1.0',
      version: 6,
    },
  );
  assert.equal(decodeStandardInquiry(data.subarray(0, 36)).product, 'Virtual Disk');
});

test('designators come back as they went', () => {
  const designators = [
    naaLocallyAssigned(Uint8Array.of(0xff, 2, 3, 4, 5, 6, 7, 8, 9)),
    t10VendorId('DISKLESS', 'abc'),
    scsiNameString(Association.targetPort, 'iqn.2026-11.internal.test:t,t,0x0001'),
  ];
  const page = encodeDeviceIdentification(designators);
  assert.deepEqual(decodeDeviceIdentification(page), designators);
  const [naa] = designators;
  assert.equal(Buffer.from(naa?.value ?? []).toString('hex'), '3f02030405060708');
  assert.equal(designators[2]?.type, DesignatorType.scsiNameString);
  assert.equal((designators[2]?.value.length ?? 1) % 4, 0);
  assert.equal(designators[2]?.value.at(-1), 0, 'NUL-terminated');
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => void decodeDesignators(bytes)));
});

test('the list of supported commands, with timeouts and without', () => {
  const descriptions = commandNames.map(describeCommand);
  assert.equal(encodeAllCommands(descriptions, false).length, 4 + 8 * descriptions.length);
  const long = encodeAllCommands(descriptions, true);
  assert.equal(long.length, 4 + 20 * descriptions.length);
  assert.equal(Buffer.from(long.subarray(12, 16)).toString('hex'), '000a0000', 'each descriptor brings its timeouts');
  assert.equal(Buffer.from(encodeOneCommand(undefined, true)).toString('hex'), '00010000');
  const one = encodeOneCommand(usageData(describeCommand('testUnitReady')), true);
  assert.equal(Buffer.from(one).toString('hex'), `00830006${'00'.repeat(6)}000a${'00'.repeat(10)}`);
});

test('UNMAP parameter lists', () => {
  const ranges = [
    { logicalBlockAddress: 5n, numberOfBlocks: 7 },
    { logicalBlockAddress: 1n << 40n, numberOfBlocks: 0xffff_ffff },
  ];
  assert.deepEqual(decodeUnmap(encodeUnmap(ranges)), ranges);
  assert.equal(decodeUnmap(encodeUnmap(ranges).subarray(0, 39)), undefined);
  assert.equal(decodeUnmap(new Uint8Array(7)), undefined);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void decodeUnmap(bytes)));
});

test('GET LBA STATUS data', () => {
  const runs = [
    { logicalBlockAddress: 8, numberOfBlocks: 16, provisioningStatus: 0 },
    { logicalBlockAddress: 24, numberOfBlocks: 1, provisioningStatus: 1 },
  ];
  const data = encodeLbaStatus(runs);
  assert.deepEqual(decodeLbaStatus(data), runs);
  assert.deepEqual(decodeLbaStatus(data.subarray(0, 30)), runs.slice(0, 1));
});

test('a 64-bit block address beyond exact numbers stays beyond any device', () => {
  const cdb = Transfer16Cdb.encode({ operationCode: 0x88, logicalBlockAddress: 2 ** 40 + 1, transferLength: 1 });
  assert.equal(Transfer16Cdb.view(cdb).logicalBlockAddress, 2 ** 40 + 1);
  cdb.fill(0xff, 2, 10);
  assert.ok(Transfer16Cdb.view(cdb).logicalBlockAddress > Number.MAX_SAFE_INTEGER);
});
