/** Commands as the bytes of their CDBs (SPC-4, SBC-3), written without the layouts that the target reads them by. */

import type { BlockCommand, Command, Form, ReserveInCommand, ReserveOutCommand } from './command.ts';

/** Operation codes by form; of the form of 32 bytes, the service action. */
const blockCodes: Readonly<Record<BlockCommand['kind'], Partial<Record<Form, number>>>> = {
  read: { 6: 0x08, 10: 0x28, 12: 0xa8, 16: 0x88, 32: 0x09 },
  write: { 6: 0x0a, 10: 0x2a, 12: 0xaa, 16: 0x8a, 32: 0x0b },
  verify: { 10: 0x2f, 12: 0xaf, 16: 0x8f, 32: 0x0a },
  'write and verify': { 10: 0x2e, 12: 0xae, 16: 0x8e, 32: 0x0c },
  'write same': { 10: 0x41, 16: 0x93, 32: 0x0d },
  'compare and write': { 16: 0x89 },
  orwrite: { 16: 0x8b, 32: 0x0e },
  'write atomic': { 16: 0x9c },
  'synchronize cache': { 10: 0x35, 16: 0x91 },
  'pre-fetch': { 10: 0x34, 16: 0x90 },
  'get lba status': { 16: 0x9e },
};

/** The forms that a kind has. */
export function formsOf(kind: BlockCommand['kind']): readonly Form[] {
  return ([6, 10, 12, 16, 32] as const).filter((form) => blockCodes[kind][form] !== undefined);
}

const reserveOutActions: readonly ReserveOutCommand['action'][] = [
  ...(['register', 'reserve', 'release', 'clear', 'preempt'] as const),
  ...(['preempt and abort', 'register and ignore', 'register and move'] as const),
];
const reserveInActions: readonly ReserveInCommand['action'][] = [
  ...(['read keys', 'read reservation', 'report capabilities', 'read full status'] as const),
];

export function cdbOf(command: Command): Buffer {
  switch (command.kind) {
    case 'unmap':
      return short(10, (cdb) => {
        cdb[0] = 0x42;
        cdb[1] = Number(command.anchor);
        cdb.writeUInt16BE(command.data.length, 7);
      });
    case 'reserve out':
      return short(10, (cdb) => {
        cdb[0] = 0x5f;
        cdb[1] = reserveOutActions.indexOf(command.action);
        cdb[2] = (command.scope << 4) | command.type;
        cdb.writeUInt32BE(command.data.length, 5);
      });
    case 'reserve in':
      return short(10, (cdb) => {
        cdb[0] = 0x5e;
        cdb[1] = reserveInActions.indexOf(command.action);
        cdb.writeUInt16BE(command.room, 7);
      });
    case 'reserve':
    case 'release':
      return Buffer.from([command.kind === 'reserve' ? 0x16 : 0x17, command.thirdParty ? 0x10 : 0, 0, 0, 0, 0]);
    case 'mode select':
      return short(command.form, (cdb) => {
        cdb[0] = command.form === 6 ? 0x15 : 0x55;
        cdb[1] = (Number(command.pageFormat) << 4) | Number(command.savePages);
        writeModeLength(cdb, command.data.length);
      });
    case 'mode sense':
      return short(command.form, (cdb) => {
        cdb[0] = command.form === 6 ? 0x1a : 0x5a;
        cdb[1] = Number(command.disableBlockDescriptors) << 3;
        cdb[2] = (command.control << 6) | command.pageCode;
        writeModeLength(cdb, command.room);
      });
    case 'request sense':
      return Buffer.from([0x03, Number(command.descriptorFormat), 0, 0, command.room, 0]);
    case 'prevent allow':
      return Buffer.from([0x1e, 0, 0, 0, command.prevent, 0]);
    default:
      return 'cdb' in command ? command.cdb : blockCdb(command);
  }
}

function short(length: number, write: (cdb: Buffer) => void): Buffer {
  const cdb = Buffer.alloc(length);
  write(cdb);
  return cdb;
}

function writeModeLength(cdb: Buffer, length: number): void {
  if (cdb.length === 6) cdb[4] = length;
  else cdb.writeUInt16BE(length, 7);
}

function blockCdb(command: BlockCommand): Buffer {
  const { kind, form, lba, blocks } = command;
  const cdb = Buffer.alloc(form);
  const code = blockCodes[kind][form] ?? 0;
  if (form === 6) {
    cdb.writeUInt32BE(Number(lba));
    cdb[0] = code;
    cdb[4] = blocks;
  } else if (form === 32) {
    cdb[0] = 0x7f;
    cdb[7] = 24;
    cdb.writeUInt16BE(code, 8);
    cdb[10] = options(command);
    cdb.writeBigUInt64BE(lba, 12);
    cdb.writeUInt32BE(blocks, 28);
    cdb[2] = command.bitmapOperation;
    cdb.writeUInt32BE(command.generation, 20);
  } else {
    cdb[0] = code;
    cdb[1] = options(command);
    if (form === 16) cdb.writeBigUInt64BE(lba, 2);
    else cdb.writeUInt32BE(Number(lba), 2);
    writeLength(cdb, command);
  }
  return cdb;
}

function options({ kind, protect, forceUnitAccess, byteCheck, anchor, unmap, noDataOut }: BlockCommand): number {
  const protection = protect << 5;
  switch (kind) {
    case 'verify':
    case 'write and verify':
      return protection | (byteCheck << 1);
    case 'write same':
      return protection | (Number(anchor) << 4) | (Number(unmap) << 3) | Number(noDataOut);
    case 'synchronize cache':
    case 'pre-fetch':
      return 0;
    case 'get lba status':
      return 0x12;
    default:
      return protection | (Number(forceUnitAccess) << 3);
  }
}

function writeLength(cdb: Buffer, { kind, form, blocks, boundary, room }: BlockCommand): void {
  if (kind === 'compare and write') cdb[13] = blocks;
  else if (kind === 'write atomic') {
    cdb.writeUInt16BE(boundary, 10);
    cdb.writeUInt16BE(blocks, 12);
  } else if (kind === 'get lba status') cdb.writeUInt32BE(room, 10);
  else if (form === 10) cdb.writeUInt16BE(blocks, 7);
  else cdb.writeUInt32BE(blocks, form === 12 ? 6 : 10);
}
