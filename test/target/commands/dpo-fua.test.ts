/** DPO and FUA at a unit that supports them and at one that does not: DPOFUA of MODE SENSE, CDBs, and usage data (SBC-3). */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MemoryDevice } from '../../../src/block/memory-device.ts';
import { type ServedTarget, serveTarget } from '../served-target.ts';
import { WriteBackDevice } from '../write-back-device.ts';
import { Asker } from './asker.ts';

const BLOCK = 512;
const [DPO, FUA] = [0x10, 0x08];

const without = (device = new MemoryDevice(16 * BLOCK)): Promise<ServedTarget> =>
  serveTarget({ device, features: new Map([[0, { dpoFua: false }]]) });

interface Form {
  readonly title: string;
  /** Of one block at address 0. */
  readonly cdb: string;
  /** Blocks that come with it. */
  readonly dataOut: number;
  /** Which of DPO and FUA it has. */
  readonly bits: number;
  /** Where it has them. */
  readonly byte: number;
}

const short = (title: string, cdb: string, dataOut: number, bits = DPO | FUA): Form => ({
  title,
  cdb,
  dataOut,
  bits,
  byte: 1,
});
const long = (title: string, action: string, dataOut: number, bits = DPO | FUA): Form => ({
  title,
  cdb: `7f 00 0000000000 18 ${action} 00 00 0000000000000000 0000000000000000 00000001`,
  dataOut,
  bits,
  byte: 10,
});

const [ten, twelve, sixteen] = ['00 00000000 00 0001 00', '00 00000000 00000001 00 00', `00 ${'0'.repeat(22)}1 00 00`];

const forms: readonly Form[] = [
  short('READ(10)', `28 ${ten}`, 0),
  short('READ(12)', `a8 ${twelve}`, 0),
  short('READ(16)', `88 ${sixteen}`, 0),
  long('READ(32)', '0009', 0),
  short('WRITE(10)', `2a ${ten}`, 1),
  short('WRITE(12)', `aa ${twelve}`, 1),
  short('WRITE(16)', `8a ${sixteen}`, 1),
  long('WRITE(32)', '000b', 1),
  short('VERIFY(10)', `2f ${ten}`, 0, DPO),
  short('VERIFY(12)', `af ${twelve}`, 0, DPO),
  short('VERIFY(16)', `8f ${sixteen}`, 0, DPO),
  long('VERIFY(32)', '000a', 0, DPO),
  short('WRITE AND VERIFY(10)', `2e ${ten}`, 1, DPO),
  short('WRITE AND VERIFY(12)', `ae ${twelve}`, 1, DPO),
  short('WRITE AND VERIFY(16)', `8e ${sixteen}`, 1, DPO),
  long('WRITE AND VERIFY(32)', '000c', 1, DPO),
  short('COMPARE AND WRITE', '89 00 0000000000000000 000000 01 00 00', 2),
  short('ORWRITE(16)', `8b ${sixteen}`, 1),
  long('ORWRITE(32)', '000e', 1),
  short('WRITE ATOMIC(16)', '9c 00 0000000000000000 0000 0001 00 00', 1),
];

/** The CDB with one more bit or two in the byte that has DPO and FUA. */
function withBits({ cdb, byte }: Form, bits: number): string {
  const bytes = Buffer.from(cdb.replaceAll(' ', ''), 'hex');
  bytes[byte] = (bytes[byte] ?? 0) | bits;
  return bytes.toString('hex');
}

const settings = ({ bits }: Form): number[] => [DPO, FUA, DPO | FUA].filter((set) => (set & ~bits) === 0);

async function run(asker: Asker, { dataOut }: Form, cdb: string) {
  return dataOut === 0 ? asker.ask(cdb, BLOCK) : asker.give(cdb, Buffer.alloc(dataOut * BLOCK));
}

/** CDB usage data of one command (SPC-4, REPORT SUPPORTED OPERATION CODES). */
async function usage(asker: Asker, { cdb, byte }: Form): Promise<Buffer> {
  const options = byte === 1 ? '01' : '02';
  const action = byte === 1 ? '0000' : cdb.slice(20, 24);
  const { says, data } = await asker.ask(`a3 0c ${options} ${cdb.slice(0, 2)} ${action} 000000ff 00 00`);
  assert.equal(says, 'good');
  return data.subarray(4);
}

describe('DPOFUA of the mode parameter header', () => {
  for (const [dpoFua, expected] of [
    [true, 0x10],
    [false, 0x00],
  ] as const) {
    test(`is ${dpoFua ? 1 : 0} at a unit ${dpoFua ? 'with' : 'without'} support, in both forms of MODE SENSE`, async () => {
      await using served = await serveTarget({ features: new Map([[0, { dpoFua }]]) });
      const asker = await Asker.login(served);
      assert.equal((await asker.ask('1a 08 3f 00 ff 00')).data.readUInt8(2), expected);
      assert.equal((await asker.ask('5a 08 3f 00 000000 00ff 00')).data.readUInt8(3), expected);
    });
  }

  test('stands beside WP', async () => {
    await using served = await without(new MemoryDevice(16 * BLOCK, { readOnly: true }));
    const asker = await Asker.login(served);
    assert.equal((await asker.ask('1a 08 3f 00 ff 00')).data.readUInt8(2), 0x80);
  });
});

for (const form of forms) {
  describe(form.title, () => {
    test('takes DPO and FUA where they are supported, and says so', async () => {
      await using served = await serveTarget({ device: new MemoryDevice(16 * BLOCK) });
      const asker = await Asker.login(served);
      for (const bits of settings(form)) {
        assert.equal((await run(asker, form, withBits(form, bits))).says, 'good', `bits ${bits}`);
      }
      assert.equal((await usage(asker, form)).readUInt8(form.byte) & (DPO | FUA), form.bits);
    });

    test('refuses them where they are not, and its usage data has everything but them', async () => {
      await using served = await without();
      await using supporting = await serveTarget();
      const [asker, other] = [await Asker.login(served), await Asker.login(supporting)];
      for (const bits of settings(form)) {
        const { says, sense } = await run(asker, form, withBits(form, bits));
        assert.equal(says, '05/2400', `bits ${bits}`);
        assert.deepEqual(sense?.field, { in: 'cdb', byte: form.byte });
      }
      assert.equal((await run(asker, form, form.cdb)).says, 'good', 'neither of them');
      const full = await usage(other, form);
      full[form.byte] = full.readUInt8(form.byte) & ~(DPO | FUA);
      assert.deepEqual(await usage(asker, form), full);
    });
  });
}

describe('a unit without support of DPO and FUA', () => {
  test('writes nothing for a WRITE that asks for them, and asks for no data', async () => {
    const device = new MemoryDevice(16 * BLOCK);
    await using served = await without(device);
    const asker = await Asker.login(served);
    assert.equal((await asker.give('2a 08 00000000 00 0001 00', Buffer.alloc(BLOCK, 'a'))).says, '05/2400');
    assert.deepEqual(Buffer.concat(device.read(0, BLOCK)), Buffer.alloc(BLOCK));
  });

  test('has the same bits of other commands: addresses of READ(6) and WRITE(6), ANCHOR and UNMAP of WRITE SAME', async () => {
    const device = new MemoryDevice(Buffer.alloc(16 * BLOCK, 'a'));
    await using served = await without(device);
    const asker = await Asker.login(served);
    assert.equal((await asker.ask('08 18 0000 01 00', BLOCK)).says, '05/2100');
    assert.equal((await asker.give('0a 18 0000 01 00', Buffer.alloc(BLOCK))).says, '05/2100');
    for (const [at, form] of [
      short('WRITE SAME(10)', '41 00 00000001 00 0001 00', 1),
      short('WRITE SAME(16)', '93 00 0000000000000002 00000001 00 00', 1),
      {
        ...long('WRITE SAME(32)', '000d', 1),
        cdb: `7f 00 0000000000 18 000d 00 00 ${'3'.padStart(16, '0')} ${'1'.padStart(24, '0')}`,
      },
    ].entries()) {
      assert.equal((await run(asker, form, withBits(form, 0x08))).says, 'good', form.title);
      assert.deepEqual(Buffer.concat(device.read((at + 1) * BLOCK, BLOCK)), Buffer.alloc(BLOCK), form.title);
      assert.equal((await usage(asker, form)).readUInt8(form.byte) & 0x18, 0x18, form.title);
    }
  });

  test('still makes writes durable where its write cache is switched off', async () => {
    const device = new WriteBackDevice(16 * BLOCK);
    await using served = await serveTarget({ device, features: new Map([[0, { dpoFua: false }]]) });
    const asker = await Asker.login(served);
    const list = `00000000 0812 00 ${'00'.repeat(17)}`;
    assert.equal((await asker.give('15 10 00 00 18 00', list)).says, 'good');
    assert.equal((await asker.give('2a 00 00000000 00 0001 00', Buffer.alloc(BLOCK, 'a'))).says, 'good');
    assert.deepEqual(device.durable.subarray(0, BLOCK), Buffer.alloc(BLOCK, 'a'));
  });
});
