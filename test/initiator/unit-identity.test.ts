/** By what a unit is known again. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogicalUnit } from '../../src/initiator/logical-unit.ts';
import type { CommandExecutor } from '../../src/initiator/scsi-request.ts';
import { differenceOf, identityOf, type UnitIdentity } from '../../src/initiator/unit-identity.ts';
import { systemClock } from '../../src/os/clock.ts';
import { naaLocallyAssigned, relativeTargetPort, t10VendorId } from '../../src/scsi/designator.ts';
import { encodeDeviceIdentification, encodePage, VitalProductDataPage } from '../../src/scsi/vital-product-data.ts';

const { supportedPages, unitSerialNumber, deviceIdentification } = VitalProductDataPage;

/** A unit of 8 blocks with these pages. */
function unitWith(pages: ReadonlyMap<number, Uint8Array>): LogicalUnit {
  const list = encodePage(supportedPages, Uint8Array.from([...pages.keys()]));
  const capacity = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 2, 0, ...new Uint8Array(20));
  const session: CommandExecutor = {
    async execute({ cdb }) {
      const [operationCode, , page = 0] = cdb;
      const data = operationCode === 0x12 ? (page === supportedPages ? list : pages.get(page)) : capacity;
      assert.ok(data, `no page ${page}`);
      return { status: 0, data: [data], dataLength: data.length, residual: 0 };
    },
  };
  return new LogicalUnit(session, new Uint8Array(8), systemClock);
}

test('it is the names of the unit, whatever their order, and not those of the port that it is reached by', async () => {
  const [naa, t10] = [naaLocallyAssigned(Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7)), t10VendorId('DISKLESS', 'disk')];
  const pagesOf = (...designators: Parameters<typeof encodeDeviceIdentification>[0]) =>
    new Map([[deviceIdentification, encodeDeviceIdentification(designators)]]);
  const one = await identityOf(unitWith(pagesOf(naa, t10, relativeTargetPort(1))));
  assert.deepEqual(one, {
    names: ['naa 3001020304050607', `t10 ${Buffer.from('DISKLESSdisk').toString('hex')}`],
    blocks: 8,
    blockSize: 512,
  });
  const elsewhere = await identityOf(unitWith(pagesOf(relativeTargetPort(2), t10, naa)));
  assert.equal(differenceOf(one, elsewhere), undefined);
  const other = await identityOf(unitWith(pagesOf(t10)));
  assert.match(differenceOf(one, other) ?? '', /^its names are t10 .*, and were naa .*, t10 /);
});

test('without a name it is the serial number', async () => {
  const page = (serial: string) => new Map([[unitSerialNumber, encodePage(unitSerialNumber, Buffer.from(serial))]]);
  const one = await identityOf(unitWith(page('1')));
  assert.deepEqual(one.names, ['serial 31']);
  assert.equal(differenceOf(one, await identityOf(unitWith(page('2')))), 'its names are serial 32, and were serial 31');
});

test('without either it is the size; a disk may grow', async () => {
  const one = await identityOf(unitWith(new Map()));
  assert.deepEqual(one, { names: [], blocks: 8, blockSize: 512 });
  const sized = (blocks: number, blockSize = 512): UnitIdentity => ({ names: [], blocks, blockSize });
  assert.equal(differenceOf(one, sized(9)), undefined);
  assert.equal(differenceOf(one, sized(7)), 'it has 7 blocks, and had 8');
  assert.equal(differenceOf(one, sized(8, 4096)), 'its blocks have 4096 bytes, and had 512');
});
