/** The parameter lists that go out with commands (SPC-4, SBC-3). */

import { BLOCK, type ModePage, type ReserveOutCommand, UNIT_BLOCKS, type UnmapCommand } from './command.ts';
import { transportId } from './ports.ts';

export function unmapList(ranges: UnmapCommand['ranges']): Buffer {
  const list = Buffer.alloc(8 + 16 * ranges.length);
  list.writeUInt16BE(list.length - 2, 0);
  list.writeUInt16BE(16 * ranges.length, 2);
  ranges.forEach(({ lba, blocks }, index) => {
    list.writeBigUInt64BE(lba, 8 + 16 * index);
    list.writeUInt32BE(blocks, 16 + 16 * index);
  });
  return list;
}

type ReserveOutFields = Omit<ReserveOutCommand, 'kind' | 'data' | 'room' | 'hasWrongLength'>;

export function reserveOutList(fields: ReserveOutFields): Buffer {
  const list = Buffer.alloc(24);
  list.writeBigUInt64BE(fields.key, 0);
  list.writeBigUInt64BE(fields.serviceActionKey, 8);
  if (fields.action === 'register and move') {
    const destination = transportId(fields.destination);
    list[17] = (Number(fields.unregister) << 1) | Number(fields.persist);
    list.writeUInt16BE(fields.relativeTargetPort, 18);
    list.writeUInt32BE(destination.length, 20);
    return Buffer.concat([list, destination]);
  }
  const { ports, allTargetPorts, persist } = fields;
  list[20] = (Number(ports !== undefined) << 3) | (Number(allTargetPorts) << 2) | Number(persist);
  if (ports === undefined) return list;
  const transportIds = Buffer.concat(ports.map(transportId));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(transportIds.length);
  return Buffer.concat([list, length, transportIds]);
}

/** A mode page as MODE SENSE gives it and MODE SELECT takes it. */
export function modePage(mode: ModePage): Buffer {
  if (mode.page === 'caching') {
    const page = Buffer.alloc(20);
    page.set([0x08, 18, Number(mode.writeCache) << 2]);
    return page;
  }
  const page = Buffer.alloc(12);
  // QUEUE ALGORITHM MODIFIER says that commands may be reordered.
  const reordering = 0x10;
  page.set([0x0a, 10, Number(mode.descriptorSense) << 2, reordering, Number(mode.softwareWriteProtect) << 3]);
  return page;
}

/** What stands before mode pages of how many blocks there are, and how long they are. */
export function blockDescriptor(blockLength = BLOCK): Buffer {
  const descriptor = Buffer.alloc(8);
  descriptor.writeUInt32BE(UNIT_BLOCKS, 0);
  descriptor.writeUIntBE(blockLength, 5, 3);
  return descriptor;
}
