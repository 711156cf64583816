/** Random commands about blocks: mostly sound, some with one thing wrong in them. */

import type { Random } from '../../../support/random.ts';
import { formsOf } from '../cdb.ts';
import { BLOCK, type BlockCommand, type BlockKind, type Form, UNIT_BLOCKS, type UnmapCommand } from '../command.ts';
import { wantedBytes } from '../model/block-faults.ts';
import type { UnitModel } from '../model/unit.ts';
import { unmapList } from '../parameter-list.ts';

const kinds: readonly [BlockKind, ...BlockKind[]] = [
  ...(['read', 'write', 'read', 'write', 'verify', 'write and verify', 'write same', 'write same'] as const),
  ...(['compare and write', 'compare and write', 'orwrite', 'write atomic', 'synchronize cache'] as const),
  ...(['pre-fetch', 'get lba status'] as const),
];

const NONE = Buffer.alloc(0);

/** What the shortest form means by a length of 0. */
const ALL_OF_FORM_6 = 256;

/** What never has data that goes out. */
const asking: ReadonlySet<BlockKind> = new Set(['read', 'synchronize cache', 'pre-fetch', 'get lba status']);

/** What no kind needs, and a fault sets. */
const plain = {
  ...{ protect: 0, forceUnitAccess: false, byteCheck: 0, anchor: false, unmap: false, noDataOut: false },
  ...{ boundary: 0, bitmapOperation: 0, generation: 0, data: NONE, room: 0 },
} as const;

export function randomBlockCommand(random: Random, unit: UnitModel): BlockCommand {
  const kind = random.pick(kinds);
  const forms = formsOf(kind);
  const form = forms[random.below(forms.length)] ?? 16;
  const bare: BlockCommand = {
    ...plain,
    kind,
    form,
    ...randomRange(random, kind, form),
    ...randomOptions(random, kind),
  };
  const command = random.oneIn(12) ? withFault(random, bare) : bare;
  const data = randomData(random, command, unit);
  return { ...command, data, room: data.length > 0 ? 0 : randomRoom(random, command) };
}

/** Most of them end in the unit, some just behind it. */
function randomRange(random: Random, kind: BlockKind, form: Form): Pick<BlockCommand, 'lba' | 'blocks'> {
  const longest = kind === 'write atomic' ? 24 : 12;
  const blocks = random.oneIn(10) ? random.below(UNIT_BLOCKS + 2) : random.below(longest);
  const count = form === 6 && blocks === 0 ? ALL_OF_FORM_6 : blocks;
  if (kind === 'write atomic' && !random.oneIn(4)) {
    return { lba: BigInt(8 * random.below(8)), blocks: 8 * random.below(3) };
  }
  if (random.oneIn(12)) return { lba: BigInt(UNIT_BLOCKS + 2 - random.below(6)), blocks: count };
  if (random.oneIn(60)) return { lba: farAddress(random, form), blocks: count };
  return { lba: BigInt(random.below(Math.max(1, UNIT_BLOCKS - count + 1))), blocks: count };
}

/** Where sums of addresses and lengths pass what 32 or 64 bits hold, or a double counts exactly. */
function farAddress(random: Random, form: Form): bigint {
  if (form === 6) return 0x1f_ffffn;
  if (form === 10 || form === 12) return random.pick([0xffff_ffffn, 0xffff_fff8n, 0x8000_0000n]);
  return random.pick([0xffff_ffff_ffff_ffffn, 1n << 32n, (1n << 32n) + 1n, 1n << 53n, (1n << 64n) - 8n, 1n << 63n]);
}

function randomOptions(random: Random, kind: BlockKind): Partial<BlockCommand> {
  switch (kind) {
    case 'verify':
      return { byteCheck: random.pick([0, 1, 3]) };
    case 'write and verify':
      return { byteCheck: random.below(2) };
    case 'write same':
      return { unmap: random.oneIn(3), noDataOut: random.oneIn(3) };
    case 'synchronize cache':
    case 'pre-fetch':
    case 'get lba status':
      return {};
    default:
      return { forceUnitAccess: random.oneIn(4) };
  }
}

function withFault(random: Random, command: BlockCommand): BlockCommand {
  const { kind, form } = command;
  if (form === 6 || (asking.has(kind) && kind !== 'read')) return command;
  const protect = { ...command, protect: 1 + random.below(7) };
  if (random.oneIn(2)) return protect;
  if (kind === 'verify') return { ...command, byteCheck: 2 };
  if (kind === 'write and verify') return { ...command, byteCheck: 2 + random.below(2) };
  if (kind === 'write same') return { ...command, anchor: true };
  if (kind === 'write atomic') return { ...command, boundary: 1 + random.below(8) };
  if (kind !== 'orwrite' || form !== 32) return protect;
  return random.oneIn(2) ? { ...command, bitmapOperation: 1 } : { ...command, generation: 1 + random.below(3) };
}

/** As much as the command takes; seldom less, or more. */
function randomData(random: Random, command: BlockCommand, unit: UnitModel): Buffer {
  const wanted = wantedBytes(command);
  const data = meaningfulData(random, command, unit, wanted);
  const repeats = command.kind === 'verify' && command.byteCheck === 3;
  if (asking.has(command.kind) || repeats || !random.oneIn(20)) return data;
  const near = [wanted - 1, wanted - BLOCK, wanted + 1, wanted + BLOCK] as const;
  const length = random.pick([0, 1, BLOCK, ...near, random.below(wanted)]);
  return Buffer.concat([data, Buffer.alloc(2 * BLOCK, 'more')]).subarray(0, Math.max(0, length));
}

/** What is to be compared is mostly what is there. */
function meaningfulData(random: Random, command: BlockCommand, unit: UnitModel, wanted: number): Buffer {
  const data = randomBlocks(random, wanted);
  const compares = command.kind === 'compare and write' || (command.kind === 'verify' && wanted > 0);
  if (!compares || random.oneIn(8)) return data;
  const compared = command.kind === 'compare and write' ? wanted / 2 : wanted;
  const offset = command.lba < UNIT_BLOCKS ? Number(command.lba) * BLOCK : 0;
  unit.blocks.content.copy(data, 0, offset, Math.min(UNIT_BLOCKS * BLOCK, offset + compared));
  if (compared > 0 && random.oneIn(5)) data[random.below(compared)] = random.below(256);
  return data;
}

/** Blocks that tell one from the other, or are all the same, or zeros. */
function randomBlocks(random: Random, length: number): Buffer {
  const data = Buffer.alloc(length);
  const style = random.below(3);
  if (style === 0) return data.fill(random.pick([0, 0, 1, 0x80]));
  for (let at = 0; at < length; at += style === 1 ? 64 : BLOCK) data[at + random.below(64)] = random.below(256);
  return data;
}

function randomRoom(random: Random, { kind, blocks }: BlockCommand): number {
  if (kind === 'get lba status') return random.pick([24, 255, 2048, 4096, 8, 3]);
  if (kind !== 'read') return 0;
  const whole = blocks * BLOCK;
  return random.oneIn(12) ? random.pick([1, BLOCK - 1, whole + BLOCK, random.below(whole + 1)]) : whole;
}

export function randomUnmap(random: Random): UnmapCommand {
  const ranges = Array.from({ length: random.below(4) }, () => {
    const { lba, blocks } = randomRange(random, 'write same', 16);
    return { lba, blocks };
  });
  const list = unmapList(ranges);
  const data = random.oneIn(12) ? list.subarray(0, random.below(list.length)) : list;
  return { kind: 'unmap', anchor: random.oneIn(20), ranges, data, room: 0 };
}
