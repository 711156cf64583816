import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RESERVED_TAG } from '../../src/iscsi/opcode.ts';
import { defaultParameters } from '../../src/iscsi/parameters.ts';
import { DataOut } from '../../src/iscsi/pdu.ts';
import { DataOutTransfer } from '../../src/target/data-out.ts';

/** A piece that lies in a chunk of the stream, as the reader of the stream gives it. */
function inChunk(bytes: Uint8Array): Uint8Array {
  const chunk = new Uint8Array(65_536);
  chunk.set(bytes, 100);
  return chunk.subarray(100, 100 + bytes.length);
}

function memoryOf(parts: readonly Uint8Array[]): number {
  return [...new Set(parts.map(({ buffer }) => buffer))].reduce((sum, buffer) => sum + buffer.byteLength, 0);
}

test('data that trickles in keeps no more memory than it is long, and stays what it was', () => {
  const length = 10_000;
  const data = Uint8Array.from({ length }, (_, index) => (index * 7) & 0xff);
  const parameters = { ...defaultParameters, initialR2T: false };
  const transfer = new DataOutTransfer(parameters, length, length, [], 0, false);
  const sizes = [1, 3, 2047, 1, 2048, 1, 1, 5];
  let dataSN = 0;
  for (let at = 0; at < length; ) {
    const piece = inChunk(data.subarray(at, at + (sizes[dataSN % sizes.length] ?? 1)));
    const final = at + piece.length === length;
    const header = DataOut.encode({ final, targetTransferTag: RESERVED_TAG, dataSN, bufferOffset: at });
    assert.ok(transfer.receive(DataOut.view(header), [piece], piece.length, true));
    at += piece.length;
    dataSN += 1;
  }
  assert.equal(transfer.failure, undefined);
  assert.ok(Buffer.concat(transfer.data).equals(data));
});

test('a WRITE of single bytes does not hold the chunks that they came in', () => {
  const length = 4096;
  const parameters = { ...defaultParameters, initialR2T: false };
  const transfer = new DataOutTransfer(parameters, length, length, [], 0, false);
  for (let at = 0; at < length; at++) {
    const values = { final: at + 1 === length, targetTransferTag: RESERVED_TAG, dataSN: at, bufferOffset: at };
    transfer.receive(DataOut.view(DataOut.encode(values)), [inChunk(Uint8Array.of(at & 0xff))], 1, true);
  }
  assert.equal(transfer.length, length);
  assert.equal(memoryOf(transfer.data), length);
});
