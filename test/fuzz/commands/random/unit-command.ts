/** Random commands about the unit itself: its mode parameters, its sense, and what it can be asked. */

import type { Random } from '../../../support/random.ts';
import {
  BLOCK,
  type ModePage,
  type ModeSelectCommand,
  type ModeSenseCommand,
  type PlainCommand,
  type PreventCommand,
  type RequestSenseCommand,
  type UnknownCommand,
} from '../command.ts';
import { blockDescriptor, modePage } from '../parameter-list.ts';

const NONE = Buffer.alloc(0);
const BYTES = 255;

/** What can be asked for BYTES bytes at most, or for none. */
const plainCdbs: readonly (readonly [PlainCommand['kind'], string, number])[] = [
  ['inquiry', '12 00 00 00 ff 00', BYTES],
  ['inquiry', '12 01 83 00 ff 00', BYTES],
  ['report luns', 'a0 00 00 000000 000000ff 00 00', BYTES],
  ['test unit ready', '00 00 00 00 00 00', 0],
  ['test unit ready', '00 00 00 00 00 00', 0],
  ['read capacity', '25 00 00000000 0000 00 00', 8],
  ['read capacity', '9e 10 0000000000000000 000000ff 00 00', BYTES],
  ['log sense', '4d 00 40 00 00 0000 00ff 00', BYTES],
  ['reset log', '4c 02 40 00 00 0000 0000 00', 0],
  ['read buffer', '3c 03 00 000000 000004 00', 4],
  ['read defect data', '37 00 08 00000000 00ff 00', BYTES],
  ['report supported', 'a3 0d 00 000000 000000ff 00 00', BYTES],
  ['report supported', 'a3 0c 00 000000 000000ff 00 00', BYTES],
  ['report target port groups', 'a3 0a 00 000000 000000ff 00 00', BYTES],
  ['send diagnostic', '1d 04 00 0000 00', 0],
  ['start', '1b 00 00 00 01 00', 0],
  ['stop', '1b 00 00 00 00 00', 0],
];

const unknownCdbs: readonly (readonly [string, boolean])[] = [
  ['02 00 00 00 00 00', false],
  ['c0 00 00 00 00 00', false],
  ['ff 00 00 00 00 00', false],
  ['9e 1f 0000000000000000 00000000 00 00', false],
  ['5e 1f 000000 0000 00ff 00', true],
  ['5f 08 00 0000 00000000 00', true],
];

function bytes(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(' ', ''), 'hex');
}

export function randomPlain(random: Random): PlainCommand {
  const [kind, cdb, room] = plainCdbs[random.below(plainCdbs.length)] ?? ['test unit ready', '00 00 00 00 00 00', 0];
  return { kind, cdb: bytes(cdb), data: NONE, room };
}

export function randomUnknown(random: Random): UnknownCommand {
  const [cdb, isServiceAction] = unknownCdbs[random.below(unknownCdbs.length)] ?? ['ff 00 00 00 00 00', false];
  return { kind: 'unknown', cdb: bytes(cdb), isServiceAction, data: NONE, room: 0 };
}

export function randomRequestSense(random: Random): RequestSenseCommand {
  return { kind: 'request sense', descriptorFormat: random.oneIn(3), data: NONE, room: random.pick([252, 18, 8]) };
}

export function randomPrevent(random: Random): PreventCommand {
  return { kind: 'prevent allow', prevent: random.oneIn(8) ? random.below(4) : random.below(2), data: NONE, room: 0 };
}

export function randomModeSense(random: Random): ModeSenseCommand {
  return {
    kind: 'mode sense',
    form: random.pick([6, 10]),
    control: random.oneIn(2) ? 0 : random.below(4),
    pageCode: random.pick([0x08, 0x0a, 0x08, 0x0a, 0x3e]),
    disableBlockDescriptors: random.oneIn(2),
    data: NONE,
    room: random.pick([255, 255, 192, 4, 3]),
  };
}

function randomMode(random: Random): ModePage {
  if (random.oneIn(2)) return { page: 'caching', writeCache: random.oneIn(2) };
  return { page: 'control', descriptorSense: random.oneIn(2), softwareWriteProtect: random.oneIn(4) };
}

export function randomModeSelect(random: Random): ModeSelectCommand {
  const form = random.pick([6, 10] as const);
  const mode = randomMode(random);
  const fault = random.oneIn(4) ? random.below(6) : undefined;
  const page = modePage(mode);
  const setsFixedBit = fault === 0;
  if (setsFixedBit) page[page.length - 1] = 1;
  const descriptor = fault === 5 ? 'wrong' : random.pick(['none', 'right'] as const);
  const header = modeHeader(form, descriptor);
  const list = Buffer.concat([header, page]);
  const isCut = fault === 1;
  // What ends before the page is whole.
  const cutAt = random.oneIn(2) ? 1 + random.below(header.length - 1) : list.length - 1 - random.below(page.length - 1);
  return {
    kind: 'mode select',
    form,
    mode,
    blockDescriptor: descriptor,
    setsFixedBit,
    isCut,
    pageFormat: fault !== 2,
    savePages: fault === 3,
    data: isCut ? list.subarray(0, cutAt) : fault === 4 ? NONE : list,
    room: 0,
  };
}

function modeHeader(form: 6 | 10, descriptor: ModeSelectCommand['blockDescriptor']): Buffer {
  const header = Buffer.alloc(form === 6 ? 4 : 8);
  if (descriptor === 'none') return header;
  header[header.length - 1] = 8;
  return Buffer.concat([header, blockDescriptor(descriptor === 'right' ? BLOCK : BLOCK + 8)]);
}
