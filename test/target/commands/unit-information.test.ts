/** What a unit tells about itself: pages, ports, logs, labels and time. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MemoryDevice } from '../../../src/block/memory-device.ts';
import { InformationType } from '../../../src/scsi/index.ts';
import { IdentifyingInformation } from '../../../src/target/identifying-information.ts';
import { SimulatedClock, settled } from '../../support/simulated-clock.ts';
import { serveTarget } from '../served-target.ts';
import { WriteBackDevice } from '../write-back-device.ts';
import { Asker } from './asker.ts';

const hexByte = (value: number): string => value.toString(16).padStart(2, '0');

describe('vital product data', () => {
  test('page 00h lists its pages in ascending order, and each can be read', async () => {
    await using served = await serveTarget();
    const asker = await Asker.login(served);
    const { data } = await asker.ask('12 01 00 00ff 00');
    const codes = [...data.subarray(4, 4 + data.readUInt16BE(2))];
    assert.deepEqual(codes, [0x00, 0x80, 0x83, 0x85, 0x86, 0x87, 0x88, 0x8f, 0xb0, 0xb1, 0xb2]);
    for (const code of codes) {
      const page = await asker.ask(`12 01 ${hexByte(code)} 03e8 00`, 1000);
      assert.equal(page.says, 'good');
      assert.equal(page.data.readUInt8(1), code);
      assert.equal(page.data.length, 4 + page.data.readUInt16BE(2));
    }
  });

  test('page 85h names where the target is managed', async () => {
    const page = async (managementUrls?: readonly string[]): Promise<string> => {
      await using served = await serveTarget(managementUrls === undefined ? {} : { managementUrls });
      const asker = await Asker.login(served);
      return (await asker.ask('12 01 85 03e8 00', 1000)).data.toString('hex');
    };
    assert.equal(await page(), '00850000', 'nowhere');
    const [one, two] = ['http://a/x', 'http://192.0.2.1'].map((url) => Buffer.from(url).toString('hex'));
    assert.equal(
      await page(['http://a/x', 'http://192.0.2.1']),
      `0085 0028 40 00 000c ${one}0000 40 00 0014 ${two}00000000`.replaceAll(' ', ''),
    );
  });

  test('page 86h tells of task attributes, a volatile cache where there is one, and sense data', async () => {
    for (const [device, cache] of [
      [new MemoryDevice(1 << 20), '00'],
      [new WriteBackDevice(1 << 20), '01'],
    ] as const) {
      await using served = await serveTarget({ device });
      const asker = await Asker.login(served);
      const { data } = await asker.ask('12 01 86 03e8 00', 1000);
      const fields = `0086 003c 00 07 ${cache} 00 00 00 0000 00 1c ${'00'.repeat(50)}`;
      assert.equal(data.toString('hex'), fields.replaceAll(' ', ''));
    }
  });

  test('referrals are neither announced nor answered', async () => {
    await using served = await serveTarget();
    const asker = await Asker.login(served);
    assert.equal((await asker.ask('12 01 b3 00ff 00')).says, '05/2400');
    assert.equal((await asker.ask('9e 13 0000000000000000 00000000 00 00')).says, '05/2000', 'REPORT REFERRALS');
  });

  test('page 88h names the port by all its designators', async () => {
    await using served = await serveTarget();
    const asker = await Asker.login(served);
    const { data } = await asker.ask('12 01 88 03e8 00', 1000);
    assert.equal(data.readUInt16BE(6), 1, 'RELATIVE PORT IDENTIFIER');
    assert.equal(data.readUInt16BE(14), data.length - 16);
    assert.match(data.toString('latin1'), /,t,0x0001/);
  });
});

describe('REPORT TARGET PORT GROUPS', () => {
  const report = (length: number, format = 0): string =>
    `a3 ${hexByte(0x0a + format * 32)} 00000000 ${length.toString(16).padStart(8, '0')} 00 00`;

  test('one group, active and optimized, and INQUIRY says that there is one', async () => {
    await using served = await serveTarget();
    const asker = await Asker.login(served);
    assert.notEqual((await asker.ask('12 00 00 00ff 00')).data.readUInt8(5) & 0x30, 0, 'TPGS');
    const { data } = await asker.ask(report(255));
    assert.equal(data.toString('hex'), '0000000c 80 01 0001 00 00 00 01 0000 0001'.replaceAll(' ', ''));
  });

  test('cut at any length, the counts inside stay (SPC-4)', async () => {
    await using served = await serveTarget();
    const asker = await Asker.login(served);
    const whole = (await asker.ask(report(255))).data;
    for (let length = 0; length <= whole.length; length++) {
      const { says, data } = await asker.ask(report(length));
      assert.equal(says, 'good');
      assert.deepEqual(data, whole.subarray(0, length));
    }
  });

  test('SET TARGET PORT GROUPS may ask for what is, and for nothing else', async () => {
    await using served = await serveTarget();
    const asker = await Asker.login(served);
    const set = 'a4 0a 00000000 00000008 00 00';
    assert.equal((await asker.give(set, '00000000 00 00 0001')).says, 'good');
    assert.equal((await asker.give(set, '00000000 02 00 0001')).says, '05/2600');
    assert.equal((await asker.give(set, '00000000 00 00 0007')).says, '05/2600');
  });
});

test('REPORT LUNS names each unit once', async () => {
  const units = new Map([0, 1, 7].map((lun) => [lun, new MemoryDevice(1 << 20)] as const));
  await using served = await serveTarget({ units });
  const asker = await Asker.login(served);
  const { data } = await asker.ask('a0 00 00 000000 000000ff 00 00');
  assert.equal(
    data.toString('hex'),
    `00000018 00000000 ${'0000'.padEnd(16, '0')} 0001${'0'.repeat(12)} 0007${'0'.repeat(12)}`.replaceAll(' ', ''),
  );
});

test('LOG SENSE counts bytes, and LOG SELECT starts anew and tells the others', async () => {
  await using served = await serveTarget();
  const [asker, other] = [await Asker.login(served, 1), await Asker.login(served, 2)];
  const bytesOf = async (page: number): Promise<bigint> =>
    (await asker.ask(`4d 00 ${hexByte(0x40 + page)} 00 00 0000 00ff 00`)).data.readBigUInt64BE(8);
  await asker.give('2a 00 00000000 00 0002 00', Buffer.alloc(1024));
  await asker.ask('28 00 00000000 00 0001 00', 512);
  assert.equal(await bytesOf(2), 1024n);
  assert.equal(await bytesOf(3), 512n);
  assert.equal((await asker.ask('4c 02 c0 00 00 00 00 0000 00', 0)).says, 'good');
  assert.equal(await bytesOf(2), 0n);
  assert.equal((await other.ask('00', 0)).says, '06/2a02');
});

describe('identifying information', () => {
  const report = 'a3 05 00000000 000000ff 04 00';

  test('a label is there after a restart', async () => {
    let content: Uint8Array | undefined;
    const store = {
      load: () => content,
      save(next: Uint8Array) {
        content = next;
      },
    };
    const start = async () =>
      serveTarget({ features: new Map([[0, { information: await IdentifyingInformation.open(store) }]]) });
    {
      await using served = await start();
      const asker = await Asker.login(served);
      assert.equal((await asker.give('a4 06 00000000 00000005 04 00', Buffer.from('rack\0'))).says, 'good');
      assert.equal((await asker.give('a4 06 00000000 00000004 04 00', Buffer.from('rack'))).says, '05/2600');
    }
    await using served = await start();
    const { data } = await (await Asker.login(served)).ask(report);
    assert.equal(data.toString('latin1', 4), 'rack\0');
  });

  test('of two that are set at once, both are kept, and one that cannot be saved is lost alone', async () => {
    const saves: { content: string; resolve: () => void; reject: (error: Error) => void }[] = [];
    const store = {
      load: () => undefined,
      save: (content: Uint8Array) =>
        new Promise<void>((resolve, reject) => {
          saves.push({ content: Buffer.from(content).toString(), resolve, reject });
        }),
    };
    const information = await IdentifyingInformation.open(store);
    const { peripheralDevice, text } = InformationType;
    const failing = information.set(text, Buffer.from('lost'));
    const first = information.set(peripheralDevice, Uint8Array.of(0x11));
    const second = information.set(text, Uint8Array.of(0x22));
    await settled();
    saves[0]?.reject(new Error('the disk is full'));
    await assert.rejects(failing, /the disk is full/);
    await settled();
    saves[1]?.resolve();
    await first;
    await settled();
    saves[2]?.resolve();
    await second;
    const kept = { version: 1, peripheralDevice: '11', text: '22' };
    assert.deepEqual(JSON.parse(saves[2]?.content ?? ''), kept);
    assert.deepEqual([...(information.get(peripheralDevice) ?? [])], [0x11]);
    assert.deepEqual([...(information.get(text) ?? [])], [0x22]);
  });

  test('where nothing can be kept, nothing can be set', async () => {
    await using served = await serveTarget();
    const asker = await Asker.login(served);
    assert.equal((await asker.ask(report)).data.toString('hex'), '00000000');
    assert.equal((await asker.give('a4 06 00000000 00000005 04 00', Buffer.from('rack\0'))).says, '05/2000');
  });

  test('what cannot be read is refused as a whole', async () => {
    for (const text of ['', '[]', '{"version":2}', '{"version":1,"peripheralDevice":"zz","text":""}']) {
      const store = { load: () => Buffer.from(text), save: () => {} };
      await assert.rejects(IdentifyingInformation.open(store), { code: 'INFORMATION_DAMAGED' }, text);
    }
  });
});

test('TIMESTAMP is the clock of the machine until it is set', async () => {
  const clock = new SimulatedClock();
  await using served = await serveTarget({ features: new Map([[0, { clock }]]) });
  const asker = await Asker.login(served);
  const report = async (): Promise<readonly [number, number]> => {
    const { data } = await asker.ask('a3 0f 00000000 000000ff 00 00');
    return [data.readUInt8(2), data.readUIntBE(4, 6)];
  };
  assert.deepEqual(await report(), [3, clock.now()]);
  assert.equal((await asker.give('a4 0f 00000000 0000000c 00 00', '00000000 0000000003e8 0000')).says, 'good');
  assert.deepEqual(await report(), [2, 1000]);
});

test('buffers, self-test and FORMAT UNIT', async () => {
  await using served = await serveTarget({ device: new MemoryDevice(Buffer.alloc(8 * 512, 'a')) });
  const asker = await Asker.login(served);
  assert.equal((await asker.give('3b 0a 00 000000 000004 00', 'cafef00d')).says, 'good');
  assert.equal((await asker.ask('3c 0a 00 000000 000004 00')).data.toString('hex'), 'cafef00d');
  assert.equal((await asker.ask('1d 04 00 0000 00', 0)).says, 'good');
  assert.equal((await asker.give('04 10 00 00 00 00', '00 08 0000')).says, '05/2600', 'initialization pattern');
  assert.equal((await asker.ask('04 00 00 00 00 00', 0)).says, 'good');
  assert.deepEqual((await asker.ask('28 00 00000007 00 0001 00', 512)).data, Buffer.alloc(512));
});

test('a parameter list longer than any that there is, is not asked for', async () => {
  await using served = await serveTarget();
  const asker = await Asker.login(served);
  const length = { direction: 'write', length: 0xffff_ffff } as const;
  const { says } = await asker.answerTo(
    asker.raw.command(Buffer.from('5f000000007fffffff00000000000000', 'hex'), length),
  );
  assert.equal(says, '05/1a00');
});

describe('REPORT SUPPORTED OPERATION CODES', () => {
  const report = (options: number, operationCode = 0, serviceAction = 0, length = 8192): string =>
    `a3 0c ${hexByte(options)} ${hexByte(operationCode)} ${serviceAction.toString(16).padStart(4, '0')} ${length.toString(16).padStart(8, '0')} 00 00`;

  test('the list names every command of up to 16 bytes once, with the length of its CDB', async () => {
    await using served = await serveTarget();
    const asker = await Asker.login(served);
    const { data } = await asker.ask(report(0), 8192);
    assert.equal(data.readUInt32BE(0), data.length - 4);
    const lengths = new Map<string, number>();
    for (let at = 4; at < data.length; at += 8) {
      const action = data.readUInt8(at + 5) & 1 ? `/${data.readUInt16BE(at + 2).toString(16)}` : '';
      lengths.set(`${data.readUInt8(at).toString(16)}${action}`, data.readUInt16BE(at + 6));
    }
    assert.equal(lengths.size, (data.length - 4) / 8);
    assert.deepEqual(
      ['0', '28', 'a8', '88', '9e/10'].map((code) => lengths.get(code)),
      [6, 10, 12, 16, 16],
    );
    // Initiators that ask for each of the list again have room for the usage data of 16 bytes.
    assert.equal(Math.max(...lengths.values()), 16);
  });

  test('usage data of 32 bytes has operation code, length and service action as they are', async () => {
    await using served = await serveTarget();
    const asker = await Asker.login(served);
    const { data } = await asker.ask(report(2, 0x7f, 0x0d));
    assert.equal(
      data.toString('hex'),
      '00 03 0020 7f 00 00000000 00 18 000d f9 00 ffffffffffffffff 00000000 0000 0000 ffffffff'.replaceAll(' ', ''),
    );
    assert.equal((await asker.ask(report(2, 0x7f, 0x01))).data.toString('hex'), '00010000');
  });

  test('each form is for its kind of operation code, and one for either', async () => {
    await using served = await serveTarget();
    const asker = await Asker.login(served);
    const supportOf = async (options: number, code: number, action = 0): Promise<string | number> => {
      const { says, data } = await asker.ask(report(options, code, action));
      return says === 'good' ? data.readUInt8(1) & 7 : says;
    };
    assert.equal(await supportOf(1, 0x28), 3);
    assert.equal(await supportOf(1, 0x9e), '05/2400');
    assert.equal(await supportOf(2, 0x9e, 0x10), 3);
    assert.equal(await supportOf(2, 0x28), '05/2400');
    assert.equal(await supportOf(3, 0x28), 3);
    assert.equal(await supportOf(3, 0x28, 1), 1);
    assert.equal(await supportOf(3, 0x9e, 0x10), 3);
    assert.equal(await supportOf(3, 0x9e, 0x11), 1);
    assert.equal(await supportOf(3, 0xc0), 1);
    assert.equal(await supportOf(4, 0x28), '05/2400');
  });
});

test('REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS, in its short form and in its long one', async () => {
  await using served = await serveTarget();
  const asker = await Asker.login(served);
  const ask = (byte2: string, length: string): Promise<{ says: string; data: Buffer }> =>
    asker.ask(`a3 0d ${byte2} 000000 ${length} 00 00`);
  assert.equal((await ask('00', '00000010')).data.toString('hex'), 'da000000');
  assert.equal((await ask('80', '00000010')).data.toString('hex'), `da00000c${'00'.repeat(12)}`);
  assert.equal((await ask('80', '00000004')).data.toString('hex'), 'da00000c');
  assert.equal((await ask('00', '00000003')).says, '05/2400');
});

test('READ BUFFER(10) and (16) give back what WRITE BUFFER wrote', async () => {
  await using served = await serveTarget();
  const asker = await Asker.login(served);
  assert.equal((await asker.give('3b 02 00 000010 000004 00', '01020304')).says, 'good');
  assert.equal((await asker.ask('3c 02 00 00000f 000006 00', 6)).data.toString('hex'), '000102030400');
  assert.equal((await asker.ask('9b 02 000000000000000f 00000006 00 00', 6)).data.toString('hex'), '000102030400');
  assert.equal((await asker.ask('9b 03 0000000000000000 00000004 00 00', 4)).data.toString('hex'), '00010000');
  const tooFar = await asker.ask('9b 02 ffffffffffffffff 00000006 00 00', 6);
  assert.deepEqual([tooFar.says, tooFar.sense?.field], ['05/2400', { in: 'cdb', byte: 2 }]);
  const noBuffer = await asker.ask('9b 02 0000000000000000 00000006 01 00', 6);
  assert.deepEqual([noBuffer.says, noBuffer.sense?.field], ['05/2400', { in: 'cdb', byte: 14 }]);
});
