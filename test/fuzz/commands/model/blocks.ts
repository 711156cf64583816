/** The blocks of one unit: what they hold, which of them have been written, and what commands make of both (SBC-3). */

import { BLOCK, type BlockCommand, UNIT_BLOCKS, type UnmapCommand } from '../command.ts';
import { type Expected, GOOD, invalidInCdb, PARAMETER_LIST_LENGTH_ERROR, type Refusal, refused } from '../expected.ts';
import { blockFaults, LBA_OUT_OF_RANGE, wantedBytes } from './block-faults.ts';

const MISCOMPARE = { key: 0xe, code: 0x1d00 };

/** SBC-3, GET LBA STATUS. */
const Provisioning = { mapped: 0, deallocated: 1 } as const;

export interface BlocksOptions {
  readonly content: Buffer;
  readonly mapped: readonly boolean[];
  /** Blocks can be given back. */
  readonly thin: boolean;
  /** Blocks of which atomic writes have to be made. */
  readonly granularity: number;
}

export class BlocksModel {
  readonly content: Buffer;
  readonly #mapped: boolean[];
  readonly #options: BlocksOptions;

  constructor(options: BlocksOptions) {
    this.#options = options;
    this.content = Buffer.from(options.content);
    this.#mapped = [...options.mapped];
  }

  /** `refusal`: what else keeps the command from the medium. */
  run(command: BlockCommand, refusal: readonly Refusal[]): Expected {
    const faults = [...refusal, ...blockFaults(command, this.#options)];
    if (faults.length > 0) return refused(...faults);
    const lba = Number(command.lba);
    const wanted = wantedBytes(command);
    const failure = this.#apply(command, lba, command.data.subarray(0, wanted));
    return failure ?? { kind: 'good', wanted, data: this.#answer(command, lba) };
  }

  #answer({ kind, blocks, room }: BlockCommand, lba: number): Buffer {
    if (kind === 'read') return this.content.subarray(lba * BLOCK, (lba + blocks) * BLOCK);
    return kind === 'get lba status' ? this.#status(lba).subarray(0, room) : Buffer.alloc(0);
  }

  #apply(command: BlockCommand, lba: number, data: Buffer): Expected | undefined {
    const { kind, blocks } = command;
    switch (kind) {
      case 'write':
      case 'write and verify':
      case 'write atomic':
        this.#put(lba, data.subarray(0, wholeBlocks(data)));
        return undefined;
      case 'orwrite':
        this.#put(lba, this.#or(lba, data.subarray(0, wholeBlocks(data))));
        return undefined;
      case 'write same':
        this.#writeSame(command, lba, data);
        return undefined;
      case 'compare and write': {
        const half = blocks * BLOCK;
        const failure = this.#compare(lba, data.subarray(0, half));
        if (failure === undefined) this.#put(lba, data.subarray(half));
        return failure;
      }
      case 'verify': {
        const repeats = command.byteCheck === 3;
        return this.#compare(lba, repeats ? repeated(data, blocks) : data);
      }
      default:
        return undefined;
    }
  }

  #put(lba: number, data: Buffer): void {
    this.content.set(data, lba * BLOCK);
    this.#mapped.fill(true, lba, lba + data.length / BLOCK);
  }

  #or(lba: number, mask: Buffer): Buffer {
    return Buffer.from(mask.map((byte, at) => byte | (this.content[lba * BLOCK + at] ?? 0)));
  }

  /** Zero blocks mean all to the end, and no data the same as zeros. */
  #writeSame({ blocks, unmap }: BlockCommand, lba: number, data: Buffer): void {
    const count = blocks === 0 ? UNIT_BLOCKS - lba : blocks;
    if (unmap) this.#unmap(lba, count);
    else this.#put(lba, repeated(data.length === 0 ? Buffer.alloc(BLOCK) : data, count));
  }

  #unmap(lba: number, blocks: number): void {
    this.content.fill(0, lba * BLOCK, (lba + blocks) * BLOCK);
    this.#mapped.fill(false, lba, lba + blocks);
  }

  #compare(lba: number, expected: Buffer): Expected | undefined {
    const at = expected.findIndex((byte, index) => byte !== this.content[lba * BLOCK + index]);
    return at < 0 ? undefined : refused({ ...MISCOMPARE, information: BigInt(at) });
  }

  unmap({ anchor, ranges, data }: UnmapCommand, refusal: readonly Refusal[]): Expected {
    const isCut = data.length > 0 && data.length < 8 + 16 * ranges.length;
    const isOutside = ranges.some(({ lba, blocks }) => lba + BigInt(blocks) > UNIT_BLOCKS);
    const faults = [
      ...refusal,
      ...(anchor ? [invalidInCdb(1)] : []),
      ...(isCut ? [PARAMETER_LIST_LENGTH_ERROR] : []),
      ...(isOutside && data.length > 0 && !isCut ? [LBA_OUT_OF_RANGE] : []),
    ];
    if (faults.length > 0) return refused(...faults);
    if (data.length > 0) for (const { lba, blocks } of ranges) this.#unmap(Number(lba), blocks);
    return GOOD;
  }

  /** The runs of blocks of one status, from `lba` to the end. */
  #status(lba: number): Buffer {
    const runs: Buffer[] = [];
    for (let at = lba; at < UNIT_BLOCKS; ) {
      const mapped = this.#mapped[at];
      const next = this.#mapped.findIndex((other, index) => index > at && other !== mapped);
      const end = next < 0 ? UNIT_BLOCKS : next;
      const run = Buffer.alloc(16);
      run.writeBigUInt64BE(BigInt(at), 0);
      run.writeUInt32BE(end - at, 8);
      run[12] = mapped === true ? Provisioning.mapped : Provisioning.deallocated;
      runs.push(run);
      at = end;
    }
    const head = Buffer.alloc(8);
    head.writeUInt32BE(4 + 16 * runs.length, 0);
    return Buffer.concat([head, ...runs]);
  }
}

function wholeBlocks(data: Buffer): number {
  return data.length - (data.length % BLOCK);
}

function repeated(block: Buffer, times: number): Buffer {
  return Buffer.concat(Array.from({ length: times }, () => block));
}
