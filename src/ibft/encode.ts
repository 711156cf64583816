/**
 * Writes a table as Linux's `iscsi_ibft` takes it: revision 1, structures of exactly their standard lengths, a control structure for
 * two NICs and two targets. First the structures, then a heap with their texts.
 */

import { macToBytes } from '../bytes/index.ts';
import { encodeAddress } from './address.ts';
import { checksumFor } from './checksum.ts';
import {
  aligned,
  Control,
  Initiator,
  Nic,
  SIGNATURE,
  STRUCTURE_VERSION,
  StructureId,
  TABLE_REVISION,
  TableHeader,
  Target,
} from './structures.ts';
import { ChapType, type IbftInitiator, type IbftNic, type IbftTable, type IbftTarget } from './table.ts';
import { checkValues, MAX_OF_A_KIND } from './value-check.ts';

/** Raises IBFT_VALUE_INVALID. */
export function encodeIbft(table: IbftTable): Uint8Array<ArrayBuffer> {
  checkValues(table);
  const { initiator, nics, targets } = table;
  const plan = new Plan();
  const initiatorOffset = initiator === undefined ? 0 : plan.place(Initiator.size);
  const nicOffsets: number[] = [];
  const targetOffsets: number[] = [];
  for (let index = 0; index < MAX_OF_A_KIND; index++) {
    if (index < nics.length) nicOffsets.push(plan.place(Nic.size));
    if (index < targets.length) targetOffsets.push(plan.place(Target.size));
  }
  const heap = new Heap(plan.end);
  const structures = [
    ...(initiator === undefined ? [] : [encodeInitiator(initiator, heap)]),
    ...nics.map((nic) => encodeNic(nic, heap)),
    ...targets.map((target) => encodeTarget(target, heap)),
  ];
  const offsets = [...(initiator === undefined ? [] : [initiatorOffset]), ...nicOffsets, ...targetOffsets];

  const bytes = new Uint8Array(heap.end);
  for (const [index, structure] of structures.entries()) bytes.set(structure, offsets[index]);
  bytes.set(heap.bytes(), plan.end);
  Control.write(bytes, TableHeader.size, {
    ...structureHeader(StructureId.control, Control.size),
    initiatorOffset,
    nic0Offset: nicOffsets[0] ?? 0,
    target0Offset: targetOffsets[0] ?? 0,
    nic1Offset: nicOffsets[1] ?? 0,
    target1Offset: targetOffsets[1] ?? 0,
  });
  writeTableHeader(bytes, table);
  return bytes;
}

function writeTableHeader(bytes: Uint8Array, { oemId, oemTableId }: IbftTable): void {
  const padded = (text: string, length: number) => ascii(text.padEnd(length));
  TableHeader.write(bytes, 0, {
    signature: ascii(SIGNATURE),
    length: bytes.length,
    revision: TABLE_REVISION,
    oemId: padded(oemId, 6),
    oemTableId: padded(oemTableId, 8),
  });
  TableHeader.write(bytes, 0, { checksum: checksumFor(bytes) });
}

function structureHeader(id: number, length: number, index = 0) {
  return { id, version: STRUCTURE_VERSION, length, index };
}

function encodeInitiator(initiator: IbftInitiator, heap: Heap): Uint8Array {
  const name = heap.add(initiator.name);
  return Initiator.encode({
    ...structureHeader(StructureId.initiator, Initiator.size),
    blockValid: initiator.valid,
    bootSelected: initiator.bootSelected,
    isnsServer: encodeAddress(initiator.isnsServer),
    slpServer: encodeAddress(initiator.slpServer),
    primaryRadiusServer: encodeAddress(initiator.primaryRadiusServer),
    secondaryRadiusServer: encodeAddress(initiator.secondaryRadiusServer),
    nameLength: name.length,
    nameOffset: name.offset,
  });
}

function encodeNic(nic: IbftNic, heap: Heap): Uint8Array {
  const hostName = heap.add(nic.hostName);
  return Nic.encode({
    ...structureHeader(StructureId.nic, Nic.size, nic.index),
    blockValid: nic.valid,
    bootSelected: nic.bootSelected,
    global: nic.global,
    address: encodeAddress(nic.address),
    prefix: nic.prefix,
    origin: nic.origin,
    gateway: encodeAddress(nic.gateway),
    primaryDns: encodeAddress(nic.primaryDns),
    secondaryDns: encodeAddress(nic.secondaryDns),
    dhcpServer: encodeAddress(nic.dhcpServer),
    vlan: nic.vlan,
    mac: macToBytes(nic.mac),
    pciFunction: nic.pci.function,
    pciDevice: nic.pci.device,
    pciBus: nic.pci.bus,
    hostNameLength: hostName.length,
    hostNameOffset: hostName.offset,
  });
}

function encodeTarget(target: IbftTarget, heap: Heap): Uint8Array {
  const { chap, reverseChap } = target;
  const name = heap.add(target.name);
  const chapName = heap.add(chap?.name ?? '');
  const chapSecret = heap.add(chap?.secret ?? '');
  const reverseChapName = heap.add(reverseChap?.name ?? '');
  const reverseChapSecret = heap.add(reverseChap?.secret ?? '');
  return Target.encode({
    ...structureHeader(StructureId.target, Target.size, target.index),
    blockValid: target.valid,
    bootSelected: target.bootSelected,
    radiusChap: target.radiusChap,
    radiusReverseChap: target.radiusReverseChap,
    address: encodeAddress(target.address),
    port: target.port,
    lun: target.lun,
    chapType: chapTypeOf(target),
    nicIndex: target.nicIndex,
    nameLength: name.length,
    nameOffset: name.offset,
    chapNameLength: chapName.length,
    chapNameOffset: chapName.offset,
    chapSecretLength: chapSecret.length,
    chapSecretOffset: chapSecret.offset,
    reverseChapNameLength: reverseChapName.length,
    reverseChapNameOffset: reverseChapName.offset,
    reverseChapSecretLength: reverseChapSecret.length,
    reverseChapSecretOffset: reverseChapSecret.offset,
  });
}

function chapTypeOf({ chap, reverseChap }: IbftTarget): number {
  if (chap === undefined) return ChapType.none;
  return reverseChap === undefined ? ChapType.oneWay : ChapType.mutual;
}

/** Gives each structure its place behind the control structure. */
class Plan {
  #next = TableHeader.size + Control.size;

  /** Where the heap begins. */
  get end(): number {
    return aligned(this.#next);
  }

  place(size: number): number {
    const offset = aligned(this.#next);
    this.#next = offset + size;
    return offset;
  }
}

/** The texts, each with a zero byte behind it that its length does not count. What is empty has no place. */
class Heap {
  readonly #start: number;
  readonly #bytes: number[] = [];

  constructor(start: number) {
    this.#start = start;
  }

  get end(): number {
    return this.#start + this.#bytes.length;
  }

  add(text: string | Uint8Array): { readonly offset: number; readonly length: number } {
    const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
    if (bytes.length === 0) return { offset: 0, length: 0 };
    const offset = this.end;
    this.#bytes.push(...bytes, 0);
    return { offset, length: bytes.length };
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
