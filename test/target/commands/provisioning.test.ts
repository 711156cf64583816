/** Logical block provisioning, as the abilities of the device under the unit have it. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Capability, Extent } from '../../../src/block/device.ts';
import { MemoryDevice } from '../../../src/block/memory-device.ts';
import { serveTarget } from '../served-target.ts';
import { Asker } from './asker.ts';

const BLOCK = 512;
const SIZE = 64 * BLOCK;

/** Gives blocks back as well or badly as the test says. The second half of it never had any. */
class UnmappingDevice extends MemoryDevice {
  override readonly capabilities;
  readonly unmapped: { readonly offset: number; readonly length: number }[] = [];

  constructor(unmap: Capability) {
    super(Buffer.alloc(SIZE, 'a'));
    this.capabilities = { flush: 'none', fua: 'native', unmap, writeZeroes: 'native', extents: 'native' } as const;
  }

  override unmap(offset: number, length: number): void {
    this.unmapped.push({ offset, length });
    super.unmap(offset, length);
  }

  override extents(): readonly Extent[] {
    return [
      { offset: 0, length: SIZE / 2, allocated: true, zero: false },
      { offset: SIZE / 2, length: SIZE / 2, allocated: false, zero: true },
    ];
  }
}

async function serve(unmap: Capability, thin = true) {
  const device = new UnmappingDevice(unmap);
  const served = await serveTarget({ device, features: new Map([[0, { thin }]]) });
  return { served, device, asker: await Asker.login(served) };
}

const pageCodes = async (asker: Asker): Promise<number[]> => [
  ...(await asker.ask('12 01 00 00ff 00')).data.subarray(4),
];
const capacity = async (asker: Asker): Promise<string> =>
  (await asker.ask('9e 10 0000000000000000 00000020 00 00')).data.toString('hex', 13, 15);
const unmapLimits = async (asker: Asker): Promise<string> =>
  (await asker.ask('12 01 b0 00ff 00')).data.toString('hex', 20, 36);
const UNMAP = ['42 00 00000000 00 0018 00', `0016 0010 00000000 ${'2'.padStart(16, '0')} 00000003 00000000`] as const;
const WRITE_SAME_10 = ['41 08 00000000 00 0002 00', Buffer.alloc(BLOCK)] as const;
const WRITE_SAME_16 = ['93 08 0000000000000000 00000002 00 00', Buffer.alloc(BLOCK)] as const;
const NO_DATA_OUT = ['93 09 0000000000000000 00000002 00 00', ''] as const;
const WRITE_SAME_32 = [
  `7f 00 00 00 00 00 00 18 000d 08 00 0000000000000000 00000000 0000 0000 00000002`,
  Buffer.alloc(BLOCK),
] as const;
const GET_LBA_STATUS = '9e 12 0000000000000000 000000ff 00 00';
/** Whether REPORT SUPPORTED OPERATION CODES has a command. */
const reports = async (asker: Asker, options: string): Promise<boolean> =>
  (await asker.ask(`a3 0c ${options} 000000ff 00 00`)).data.readUInt8(1) === 3;

describe('a device that gives blocks back', () => {
  for (const [unmap, type, status] of [
    ['native', '02', '01'],
    ['emulated', '01', '02'],
  ] as const) {
    test(`${unmap}: PROVISIONING TYPE ${type}, and blocks without data are ${status === '01' ? 'deallocated' : 'anchored'}`, async () => {
      const { served, device, asker } = await serve(unmap);
      await using _ = served;
      assert.ok((await pageCodes(asker)).includes(0xb2));
      const page = (await asker.ask('12 01 b2 00ff 00')).data;
      assert.equal(
        page.toString('hex'),
        `00b20004 00 e4 ${type} 00`.replaceAll(' ', ''),
        'LBPU, LBPWS, LBPWS10, LBPRZ',
      );
      assert.equal(await capacity(asker), '00c0', 'LBPME and LBPRZ');
      assert.equal(await unmapLimits(asker), 'ffffffff000001000000000180000000');
      assert.equal((await asker.give(...UNMAP)).says, 'good');
      assert.equal((await asker.give(...WRITE_SAME_10)).says, 'good');
      assert.equal((await asker.give(...WRITE_SAME_16)).says, 'good');
      assert.equal((await asker.give(...NO_DATA_OUT)).says, 'good');
      assert.equal((await asker.give(...WRITE_SAME_32)).says, 'good');
      const whole = { offset: 0, length: 2 * BLOCK };
      assert.deepEqual(device.unmapped, [{ offset: 2 * BLOCK, length: 3 * BLOCK }, whole, whole, whole, whole]);
      const runs = `${'0'.padStart(16, '0')} 00000020 00 000000 ${'20'.padStart(16, '0')} 00000020 ${status} 000000`;
      assert.equal((await asker.ask(GET_LBA_STATUS)).data.toString('hex', 8), runs.replaceAll(' ', ''));
      assert.deepEqual([await reports(asker, '01 42 0000'), await reports(asker, '02 9e 0012')], [true, true]);
    });
  }
});

describe('a device that does not, or may not', () => {
  for (const [unmap, thin] of [
    ['none', true],
    ['native', false],
    ['emulated', false],
  ] as const) {
    test(`${unmap}, thin ${thin}: no trace of it`, async () => {
      const { served, device, asker } = await serve(unmap, thin);
      await using _ = served;
      assert.ok(!(await pageCodes(asker)).includes(0xb2));
      assert.equal((await asker.ask('12 01 b2 00ff 00')).says, '05/2400');
      assert.equal(await capacity(asker), '0000');
      assert.equal(await unmapLimits(asker), '0'.repeat(32));
      assert.equal((await asker.give(...UNMAP)).says, '05/2000');
      assert.equal((await asker.give(...WRITE_SAME_10)).says, '05/2400');
      assert.equal((await asker.give(...WRITE_SAME_16)).says, '05/2400');
      assert.equal((await asker.give(...NO_DATA_OUT)).says, '05/2400');
      assert.equal((await asker.give(...WRITE_SAME_32)).says, '05/2400');
      assert.equal((await asker.ask(GET_LBA_STATUS)).says, '05/2000');
      assert.deepEqual([await reports(asker, '01 42 0000'), await reports(asker, '02 9e 0012')], [false, false]);
      assert.deepEqual(device.unmapped, []);
      assert.deepEqual(Buffer.concat(device.read(0, SIZE)), Buffer.alloc(SIZE, 'a'));
    });
  }
});
