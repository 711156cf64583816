import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HEAD_LENGTH, recognise } from '../../src/pool/image-content.ts';

function head(...marks: [offset: number, text: string][]): Uint8Array {
  const bytes = Buffer.alloc(HEAD_LENGTH);
  for (const [offset, text] of marks) bytes.write(text, offset, 'latin1');
  return bytes;
}

const none = new Uint8Array(512);

test('a disk is known by its boot sector, partition table or file system', () => {
  assert.deepEqual(recognise(head([510, '\x55\xaa']), none), { kind: 'raw', what: 'boot sector', blockSize: 512 });
  const gpt = head([510, '\x55\xaa'], [512, 'EFI PART']);
  assert.deepEqual(recognise(gpt, none), { kind: 'raw', what: 'GPT', blockSize: 512 });
  const largeBlocks = head([510, '\x55\xaa'], [4096, 'EFI PART']);
  assert.deepEqual(recognise(largeBlocks, none), { kind: 'raw', what: 'GPT', blockSize: 4096 });
  assert.equal(recognise(head([1080, '\x53\xef']), none).kind, 'raw');
  assert.equal(recognise(head([65600, '_BHRfS_M']), none).kind, 'raw');
});

test('formats of virtual machines are known by their numbers', () => {
  const format = (bytes: Uint8Array, tail: Uint8Array = none): string | undefined => {
    const content = recognise(bytes, tail);
    return content.kind === 'virtual' ? content.format : undefined;
  };
  assert.equal(format(head([0, 'QFI\xfb\0\0\0\x03'])), 'qcow2');
  assert.equal(format(head([0, 'KDMV'])), 'vmdk');
  assert.equal(format(head([0, 'vhdxfile'])), 'vhdx');
  assert.equal(format(head([64, '\x7f\x10\xda\xbe'])), 'vdi');
  assert.equal(format(head([510, '\x55\xaa']), head([0, 'conectix']).subarray(0, 512)), 'vpc', 'a fixed VHD');
});

test('what is packed is told with the command that unpacks it', () => {
  assert.deepEqual(recognise(head([0, '\x1f\x8b']), none), { kind: 'packed', what: 'gzip', unpack: 'gunzip' });
});

test('other bytes, however few, are unknown and never an error', () => {
  assert.deepEqual(recognise(new Uint8Array(0), new Uint8Array(0)), { kind: 'unknown' });
  assert.deepEqual(recognise(head([0, 'Hello, I am a text file.']), none), { kind: 'unknown' });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 5000 }), (bytes) => recognise(bytes, bytes).kind.length > 0));
});
