import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Device } from '../../../src/block/device.ts';
import { MemoryDevice } from '../../../src/block/memory-device.ts';
import { DisklessError } from '../../../src/bytes/index.ts';
import { type Designator, naaLocallyAssigned } from '../../../src/scsi/designator.ts';
import { CopyLimit } from '../../../src/scsi/third-party-copy/copy-limit.ts';
import { encodeOperatingParameters } from '../../../src/scsi/third-party-copy/copy-results.ts';
import {
  BlockToBlockSegment,
  BlockToBlockWithOffsetSegment,
  CopyParameterHeader,
  decodeCopyRequest,
  IdentificationDescriptor,
} from '../../../src/scsi/third-party-copy/extended-copy.ts';
import { encodeThirdPartyCopyPage } from '../../../src/scsi/third-party-copy/page.ts';
import type { Outcome } from '../../../src/target/outcome.ts';
import { CopyManager } from '../../../src/target/third-party-copy/copy-manager.ts';
import type { CopyUnit } from '../../../src/target/third-party-copy/copy-unit.ts';
import { RodTokens } from '../../../src/target/third-party-copy/rod-tokens.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/#.*$/gm, '').replaceAll(/\s/g, ''), 'hex');
const own = naaLocallyAssigned(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
const other = naaLocallyAssigned(Uint8Array.of(8, 7, 6, 5, 4, 3, 2, 1));

function target(
  designator: Designator = own,
  more: { pad?: boolean; blockLength?: number; type?: number } = {},
): Buffer {
  const descriptor = IdentificationDescriptor.encode({
    type: more.type ?? 0xe4,
    codeSet: designator.codeSet,
    designatorType: designator.type,
    designatorLength: designator.value.length,
    pad: more.pad ?? false,
    blockLength: more.blockLength ?? 512,
  });
  descriptor.set(designator.value, 8);
  return Buffer.from(descriptor);
}

function blocks(count: number, from: number | bigint, to: number | bigint, more: object = {}): Buffer {
  return Buffer.from(
    BlockToBlockSegment.encode({
      type: 0x02,
      length: 0x18,
      numberOfBlocks: count,
      sourceBlockAddress: BigInt(from),
      destinationBlockAddress: BigInt(to),
      ...more,
    }),
  );
}

function bytes(count: number, from: number, fromByte: number, to: number, toByte: number, more: object = {}): Buffer {
  return Buffer.from(
    BlockToBlockWithOffsetSegment.encode({
      type: 0x0a,
      length: 0x1c,
      numberOfBytes: count,
      sourceBlockAddress: BigInt(from),
      sourceByteOffset: fromByte,
      destinationBlockAddress: BigInt(to),
      destinationByteOffset: toByte,
      ...more,
    }),
  );
}

function list(targets: readonly Buffer[], segments: readonly Buffer[], header: object = {}): Buffer {
  const [targetList, segmentList] = [Buffer.concat(targets), Buffer.concat(segments)];
  const head = CopyParameterHeader.encode({
    listIdentifier: 1,
    targetDescriptorListLength: targetList.length,
    segmentDescriptorListLength: segmentList.length,
    ...header,
  });
  return Buffer.concat([head, targetList, segmentList]);
}

const pattern = (length: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, at) => (at * 7 + (at >> 9)) & 255));
const unit = (device: Device, more: Partial<CopyUnit> = {}): CopyUnit => ({
  device,
  changes: device,
  writeProtected: device.readOnly,
  admits: () => true,
  isSameMedium: () => true,
  exclusively: async (_range, work) => work(),
  ...more,
});
const content = (device: MemoryDevice): Buffer => Buffer.concat(device.read(0, device.size));

function answer(outcome: Outcome): string {
  if (outcome.status === 0) return 'good';
  const { key = 0, code = 0 } = outcome.sense ?? {};
  return `${key.toString(16).padStart(2, '0')}/${code.toString(16).padStart(4, '0')}`;
}

/** One manager over one or two units; `run` gives the answer to one EXTENDED COPY. */
function board(first: CopyUnit, second?: CopyUnit) {
  const manager = new CopyManager<object>(new RodTokens());
  const nexus = {};
  const resolve = ({ value }: Designator): CopyUnit | undefined => {
    if (Buffer.compare(value, own.value) === 0) return first;
    return Buffer.compare(value, other.value) === 0 ? second : undefined;
  };
  return {
    manager,
    nexus,
    copy: (parameters: Uint8Array, signal = new AbortController().signal): Promise<Outcome> =>
      manager.extendedCopy(nexus, new Uint8Array(16), parameters, first, resolve, signal),
    run: async (parameters: Uint8Array): Promise<string> =>
      answer(
        await manager.extendedCopy(nexus, new Uint8Array(16), parameters, first, resolve, new AbortController().signal),
      ),
    status: (listIdentifier = 1, asker = nexus) =>
      manager.receiveCopyStatus(asker, Buffer.of(0x84, 0, listIdentifier, ...Array(16).fill(0))),
  };
}

const small = () => new MemoryDevice(pattern(64 * 512));

describe('the parameter list', () => {
  test('every field is read where SPC-4 has it', () => {
    const golden = hex(`
      07 10 0020 00000000 0000001c 00000000              # list 7, LIST ID USAGE 10b, lengths
      e4 00 0000 01 03 00 08 3203040506070809            # NAA, 8 bytes
      000000000000000000000000 04 000200                 # PAD, 512 bytes
      02 02 0018 0000 ffff 0000 0800                     # DC, from 0 to the unit itself, 2048 blocks
      0000000100000002 0000000300000004`);
    assert.deepEqual(decodeCopyRequest(golden), {
      listIdentifier: 7,
      listIdUsage: 2,
      targets: [
        {
          designator: { codeSet: 1, association: 0, type: 3, value: new Uint8Array(hex('3203040506070809')) },
          blockLength: 512,
          pad: true,
        },
      ],
      segments: [
        {
          kind: 'blocks',
          sourceDescriptorId: 0,
          destinationDescriptorId: 0xffff,
          sourceBlockAddress: 0x1_0000_0002n,
          destinationBlockAddress: 0x3_0000_0004n,
          numberOfBlocks: 2048,
          countsDestinationBlocks: true,
        },
      ],
    });
  });

  test('arbitrary bytes never raise anything', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (junk) => void decodeCopyRequest(junk)));
    const valid = list([target(), target()], [blocks(1, 0, 1), bytes(1, 0, 0, 0, 1)]);
    fc.assert(
      fc.property(fc.nat(valid.length - 1), fc.nat(255), fc.nat(valid.length), (at, value, length) => {
        const spoilt = Buffer.from(valid.subarray(0, length));
        spoilt[at] = value;
        decodeCopyRequest(spoilt);
      }),
    );
  });

  const refusals: [string, Uint8Array, string][] = [
    ['cut in its header', list([], []).subarray(0, 15), '05/1a00'],
    ['cut in a target descriptor', list([target()], [blocks(1, 0, 1)]).subarray(0, 47), '05/1a00'],
    ['cut in a segment descriptor', list([target()], [blocks(1, 0, 1)]).subarray(0, 75), '05/1a00'],
    ['longer than both lists may be', list(Array(17).fill(target()), Array(40).fill(blocks(1, 0, 1))), '05/1a00'],
    ['one target too many', list(Array(17).fill(target()), [blocks(1, 0, 1)]), '05/2606'],
    ['one segment too many', list([target()], Array(33).fill(blocks(1, 0, 1))), '05/2608'],
    ['an N_Port_Name target', list([target(own, { type: 0xe0 })], [blocks(1, 0, 1)]), '05/2607'],
    ['a stream to stream segment', list([target()], [blocks(1, 0, 1, { type: 0x03 })]), '05/2609'],
    ['a segment of a wrong length', list([target()], [blocks(1, 0, 1, { length: 0x1c })]), '05/2600'],
    ['half a target', list([target().subarray(0, 16)], [blocks(1, 0, 1)]), '05/2600'],
    ['inline data', list([target()], [blocks(1, 0, 1)], { inlineDataLength: 4 }), '05/260b'],
    ['the reserved LIST ID USAGE', list([target()], [blocks(1, 0, 1)], { listIdUsage: 1 }), '05/2600'],
    ['a list identifier with usage 11b', list([target()], [blocks(1, 0, 1)], { listIdUsage: 3 }), '05/2600'],
    ['a block length that the unit has not', list([target(own, { blockLength: 4096 })], [blocks(1, 0, 1)]), '05/2600'],
    ['a source index that does not exist', list([target()], [blocks(1, 0, 1, { sourceDescriptorId: 1 })]), '0a/0804'],
    [
      'a destination index that does not exist',
      list([target()], [blocks(1, 0, 1, { destinationDescriptorId: 1 })]),
      '0a/0804',
    ],
    ['a unit that nobody knows', list([target(other)], [blocks(1, 0, 1)]), '0a/0d02'],
    ['a source beyond the end', list([target()], [blocks(2, 63, 0)]), '0a/0000'],
    ['a destination beyond the end', list([target()], [blocks(2, 0, 63)]), '0a/0000'],
    ['an address of 64 bits', list([target()], [blocks(1, 0, 0xffff_ffff_ffff_ffffn)]), '0a/0000'],
    ['bytes beyond the end', list([target()], [bytes(513, 63, 0, 0, 0)]), '0a/0000'],
    ['a segment above the limit', list([target()], [bytes(CopyLimit.segmentLength + 1, 0, 0, 0, 0)]), '05/2600'],
  ];
  for (const [what, parameters, expected] of refusals) {
    test(`${what}: ${expected}`, async () => {
      const device = small();
      assert.equal(await board(unit(device)).run(parameters), expected);
      assert.deepEqual(content(device), pattern(64 * 512), 'nothing was written');
    });
  }

  test('none at all is GOOD', async () => {
    assert.equal(await board(unit(small())).run(new Uint8Array(0)), 'good');
  });

  test('LU ID TYPE and NUL of older standards are not looked at', async () => {
    const old = target();
    old.writeUInt8(0xe0, 1);
    assert.equal(await board(unit(small())).run(list([old], [blocks(1, 0, 1)])), 'good');
  });
});

describe('copying', () => {
  test('blocks, within one unit and between two', async () => {
    const [device, second] = [small(), new MemoryDevice(64 * 512)];
    const both = board(unit(device), unit(second));
    const parameters = list(
      [target(), target(other)],
      [
        blocks(8, 0, 56),
        blocks(4, 0, 10, { destinationDescriptorId: 1 }),
        blocks(2, 20, 0, { sourceDescriptorId: 0xffff, destinationDescriptorId: 1 }),
      ],
    );
    assert.equal(await both.run(parameters), 'good');
    const before = pattern(64 * 512);
    assert.deepEqual(content(device).subarray(56 * 512), before.subarray(0, 8 * 512));
    const expected = Buffer.alloc(64 * 512);
    before.copy(expected, 10 * 512, 0, 4 * 512);
    before.copy(expected, 0, 20 * 512, 22 * 512);
    assert.deepEqual(content(second), expected);
  });

  test('any bytes between any places, overlapping or not, move as memory does', async () => {
    const run = async (count: number, from: number, to: number, offset: [number, number]): Promise<void> => {
      const device = small();
      const parameters = list([target()], [bytes(count, from, offset[0], to, offset[1])]);
      assert.equal(await board(unit(device)).run(parameters), 'good');
      const expected = pattern(64 * 512);
      const start = from * 512 + offset[0];
      expected.copyWithin(to * 512 + offset[1], start, start + count);
      assert.deepEqual(content(device), expected);
    };
    const address = fc.nat(31);
    const offset = fc.nat(511);
    await fc.assert(fc.asyncProperty(fc.nat(31 * 512), address, address, fc.tuple(offset, offset), run), {
      numRuns: 200,
    });
  });

  test('more than one piece, in either direction of an overlap', async () => {
    const size = 5 << 20;
    for (const [from, to] of [
      [0, 100],
      [100, 0],
    ] as const) {
      const device = new MemoryDevice(pattern(size));
      const count = 3 * 2048 + 5;
      assert.equal(await board(unit(device)).run(list([target()], [blocks(count, from, to)])), 'good');
      const expected = pattern(size);
      expected.copyWithin(to * 512, from * 512, (from + count) * 512);
      assert.ok(content(device).equals(expected));
    }
  });

  test('block sizes that differ: exact, padded, or refused', async () => {
    const [device, large] = [small(), new MemoryDevice(pattern(16 * 4096), { blockSize: 4096 })];
    const both = board(unit(device), unit(large));
    const to = (pad: boolean): Buffer[] => [target(), target(other, { blockLength: 4096, pad })];
    assert.equal(await both.run(list(to(false), [blocks(16, 0, 1, { destinationDescriptorId: 1 })])), 'good');
    assert.deepEqual(content(large).subarray(4096, 3 * 4096), pattern(16 * 512));
    assert.equal(await both.run(list(to(false), [blocks(9, 0, 1, { destinationDescriptorId: 1 })])), '0a/260a');
    assert.equal(await both.run(list(to(true), [blocks(9, 0, 4, { destinationDescriptorId: 1 })])), 'good');
    const padded = Buffer.concat([pattern(9 * 512), Buffer.alloc(7 * 512)]);
    assert.deepEqual(content(large).subarray(4 * 4096, 6 * 4096), padded);
    // DC counts blocks of the destination.
    const counted = blocks(1, 8, 15, { destinationDescriptorId: 1, destinationCount: true });
    assert.equal(await both.run(list(to(false), [counted])), 'good');
    assert.deepEqual(content(large).subarray(15 * 4096), pattern(64 * 512).subarray(8 * 512, 16 * 512));
  });

  test('what protects a unit from the nexus protects it from its copies', async () => {
    const readOnly = new MemoryDevice(pattern(64 * 512), { readOnly: true });
    const onto = list([target(), target(other)], [blocks(1, 0, 1, { destinationDescriptorId: 1 })]);
    assert.equal(await board(unit(small()), unit(readOnly)).run(onto), '0a/0d01');
    const noWrite = unit(small(), { admits: (access) => access === 'read' });
    assert.equal(await board(unit(small()), noWrite).run(onto), '0a/0d01');
    const from = list([target(), target(other)], [blocks(1, 0, 1, { sourceDescriptorId: 1 })]);
    assert.equal(await board(unit(small()), noWrite).run(from), 'good');
    assert.equal(await board(unit(small()), unit(small(), { admits: () => false })).run(from), '0a/0d01');
  });

  test('a device that fails, or is full, fails the copy after what was done', async () => {
    const failing = (code: string): MemoryDevice => {
      const device = new MemoryDevice(64 * 512);
      device.write = () => {
        throw new DisklessError(code, 'it failed');
      };
      return device;
    };
    const parameters = list(
      [target(), target(other)],
      [blocks(1, 0, 9), blocks(1, 0, 1, { destinationDescriptorId: 1 })],
    );
    const first = small();
    const failed = board(unit(first), unit(failing('DEVICE_IO')));
    assert.equal(await failed.run(parameters), '0a/0d01');
    assert.deepEqual(content(first).subarray(9 * 512, 10 * 512), pattern(512));
    const status = failed.status();
    assert.ok('data' in status);
    assert.deepEqual(Buffer.from(status.data), hex('00000008 82 0001 00 00000200'));
    assert.equal(await board(unit(small()), unit(failing('DEVICE_NO_SPACE'))).run(parameters), '0a/2707');
  });
});

describe('RECEIVE COPY RESULTS', () => {
  test('COPY STATUS is kept after the copy, by nexus and list identifier', async () => {
    const copies = board(unit(small()));
    assert.equal(answer(copies.status() as Outcome), '05/2400');
    assert.equal(await copies.run(list([target()], [blocks(8, 0, 8), blocks(1, 0, 8)])), 'good');
    const status = copies.status();
    assert.ok('data' in status);
    assert.deepEqual(Buffer.from(status.data), hex('00000008 81 0002 00 00001200'));
    assert.equal(answer(copies.status(2) as Outcome), '05/2400');
    assert.equal(answer(copies.status(1, {}) as Outcome), '05/2400', 'another nexus');
    copies.manager.left(copies.nexus);
    assert.equal(answer(copies.status() as Outcome), '05/2400');
  });

  test('nothing is kept with LIST ID USAGE 10b and 11b', async () => {
    const copies = board(unit(small()));
    assert.equal(await copies.run(list([target()], [blocks(1, 0, 8)], { listIdUsage: 2 })), 'good');
    assert.equal(answer(copies.status() as Outcome), '05/2400');
    assert.equal(await copies.run(list([target()], [blocks(1, 0, 8)], { listIdUsage: 3, listIdentifier: 0 })), 'good');
    assert.equal(answer(copies.status(0) as Outcome), '05/2400');
  });

  test('a copy under way is told as such, its identifier is taken, and it can be aborted', {
    timeout: 10_000,
  }, async () => {
    const device = new MemoryDevice(pattern(64 * 512));
    const reading = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    const slow: Device = Object.create(device, {
      size: { value: device.size },
      blockSize: { value: 512 },
      read: {
        value: async (offset: number, length: number) => {
          reading.resolve();
          await held.promise;
          return device.read(offset, length);
        },
      },
      write: { value: (offset: number, data: readonly Uint8Array[]) => device.write(offset, data) },
    });
    const copies = board(unit(slow, { writeProtected: false }));
    const abort = new AbortController();
    const running = copies.copy(list([target()], [blocks(1, 0, 8), blocks(1, 0, 9)]), abort.signal);
    await reading.promise;
    const status = copies.status();
    assert.ok('data' in status);
    assert.deepEqual(Buffer.from(status.data), hex('00000008 00 0000 00 00000000'));
    assert.equal(await copies.run(list([target()], [blocks(1, 0, 8)])), '05/0016');
    abort.abort();
    held.resolve();
    assert.equal(answer(await running), '0b/0000');
    assert.deepEqual(content(device).subarray(9 * 512), pattern(64 * 512).subarray(9 * 512), 'no second segment');
  });

  test('only the newest finished copies of a nexus are kept', async () => {
    const copies = board(unit(small()));
    for (let listIdentifier = 0; listIdentifier <= CopyLimit.copies; listIdentifier++) {
      assert.equal(await copies.run(list([target()], [blocks(1, 0, 8)], { listIdentifier })), 'good');
    }
    assert.equal(answer(copies.status(0) as Outcome), '05/2400');
    assert.ok('data' in copies.status(1));
  });

  test('OPERATING PARAMETERS', () => {
    assert.deepEqual(
      Buffer.from(encodeOperatingParameters(16)),
      hex(`
        0000002b 01 000000     # available data, SNLID
        0010 0020 00000600     # descriptors, their length
        04000000 00000000      # segment length 64 MiB, no inline data
        00000000 00000000 0000 # no held data, no streams
        0010 10 00 00 00       # concurrent copies, granularities
        000000 03 02 0a e4`),
    );
  });

  test('page 8Fh', () => {
    assert.deepEqual(
      Buffer.from(encodeThirdPartyCopyPage(16, 512)),
      hex(`
        0000 0020 000000000000 0100 00000258 0000003c 0000000000200000 0000000000020000
        0001 0010 0c 83 04 00 10 11 1c 84 04 00 03 05 07 000000
        0004 001c 00000000 0010 0020 00000600 00000000 000000000000000000000000
        0008 0004 03 02 0a e4
        000c 0004 0002 ffff
        0106 005c 00 0000000000000000000000 00000000 ffffffff 00000258 000000000000000000000000000000000000 0030
          00 00 002c 0000 0000 0000000040000000 0000000004000000 0000000040000000 0000000004000000 0000000000000000
        0108 00c4 0000 00c0
          00800000 03 00 0000 ${'00'.repeat(56)}
          00800001 03 00 0000 ${'00'.repeat(56)}
          ffff0001 02 00 0000 ${'00'.repeat(56)}
        8001 0020 00000010 00000010 04000000 00 00 000000000000000000000000000000000000`),
    );
  });
});
