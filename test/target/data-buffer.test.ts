import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ReadBuffer10Cdb } from '../../src/scsi/data-buffer.ts';
import { DataBuffers } from '../../src/target/data-buffer.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

describe('READ BUFFER and WRITE BUFFER', () => {
  const cdb = (mode: number, offset: number, length: number, id = 0): Buffer => {
    const result = Buffer.alloc(16);
    result.writeUInt8(mode, 1);
    result.writeUInt8(id, 2);
    result.writeUIntBE(offset, 3, 3);
    result.writeUIntBE(length, 6, 3);
    return result;
  };
  const read = (buffers: DataBuffers, mode: number, offset: number, length: number, id = 0): Buffer | number => {
    const answer = buffers.read(ReadBuffer10Cdb, cdb(mode, offset, length, id));
    return 'data' in answer
      ? Buffer.from(answer.data).subarray(0, answer.allocationLength)
      : (answer.sense?.code ?? -1);
  };

  test('what was written comes back', () => {
    const buffers = new DataBuffers();
    assert.equal(read(buffers, 0x0a, 0, 100), 0x2c00);
    assert.deepEqual(read(buffers, 2, 10, 4), Buffer.alloc(4));
    assert.equal(buffers.write(cdb(2, 10, 4), hex('01020304')).status, 0);
    assert.deepEqual(read(buffers, 2, 9, 6), hex('000102030400'));
    assert.equal(buffers.write(cdb(0x0a, 0, 3), hex('aabbcc')).status, 0);
    assert.deepEqual(read(buffers, 0x0a, 0, 100), hex('aabbcc'));
    assert.deepEqual(read(buffers, 0x03, 0, 4), hex('00 010000'));
    assert.deepEqual(read(buffers, 0x03, 0, 4, 1), hex('00 000000'));
    assert.deepEqual(read(buffers, 0x0b, 0, 4), hex('00 00 10 00'));
  });

  test('modes, buffers and places that do not exist', () => {
    const buffers = new DataBuffers();
    assert.equal(read(buffers, 0x01, 0, 4), 0x2400);
    assert.equal(read(buffers, 0x02, 0, 4, 1), 0x2400);
    assert.equal(read(buffers, 0x02, 65537, 4), 0x2400);
    assert.deepEqual(read(buffers, 0x02, 65536, 4), Buffer.alloc(0));
    for (const command of [cdb(5, 0, 4), cdb(2, 0, 4, 1), cdb(2, 65533, 4), cdb(0x0a, 0, 4097), cdb(2, 65537, 0)]) {
      assert.equal(buffers.write(command, new Uint8Array(8192)).sense?.code, 0x2400);
    }
  });

  test('any run of writes and reads behaves as memory', () => {
    const place = fc.record({ at: fc.nat(200), bytes: fc.uint8Array({ maxLength: 100 }) });
    fc.assert(
      fc.property(fc.array(place, { maxLength: 10 }), (writes) => {
        const buffers = new DataBuffers();
        const model = Buffer.alloc(400);
        for (const { at, bytes } of writes) {
          assert.equal(buffers.write(cdb(2, at, bytes.length), bytes).status, 0);
          model.set(bytes, at);
        }
        assert.deepEqual(read(buffers, 2, 0, 400), model);
      }),
    );
  });
});
