/** Random SCSI commands: every one of the command table, and those that do not exist. */

import {
  ADDITIONAL_CDB_LENGTH,
  commandNames,
  describeCommand,
  usageData,
  VARIABLE_LENGTH,
} from '../../../src/scsi/command-table.ts';
import { encodeLun } from '../../../src/scsi/lun.ts';
import type { Random } from '../../support/random.ts';
import { anyU32, randomBytes } from './bytes.ts';

/** Mostly one of the two units that there are. */
export function randomLun(random: Random): Uint8Array {
  const kind = random.below(12);
  if (kind < 9) return encodeLun(kind < 6 ? 0 : 1);
  if (kind === 9) return encodeLun(random.below(0x4000));
  return randomBytes(random, 8);
}

/** The blocks of the units that are attacked. */
export const UNIT_BLOCKS = 512;

/** An address where the unit ends, in the field that CDBs of this length have for it. */
function writeLbaAtEnd(random: Random, cdb: Buffer, length: number): void {
  const lba = UNIT_BLOCKS + 1 - random.below(6);
  if (length === 32) {
    cdb.writeBigUInt64BE(BigInt(lba), 12);
    cdb.writeUInt32BE(random.below(6), 28);
    return;
  }
  if (length === 6) cdb.writeUInt16BE(lba, 2);
  else if (length === 16) cdb.writeBigUInt64BE(BigInt(lba), 2);
  else cdb.writeUInt32BE(lba, 2);
  cdb[1] = 0;
  cdb.fill(0, length === 10 ? 7 : length - 6, length - 3);
  cdb[length === 6 ? 4 : length === 10 ? 8 : length - 3] = random.below(6);
}

/** 16 bytes, or as many as a longer command has. */
export function randomCdb(random: Random): Uint8Array {
  const kind = random.below(16);
  if (kind === 0) return randomBytes(random, 16);
  const name = commandNames[random.below(commandNames.length)] ?? 'testUnitReady';
  const description = describeCommand(name);
  const usage = usageData(description);
  const cdb = Buffer.alloc(Math.max(16, usage.length));
  for (const [at, mask] of usage.entries()) if (at > 0) cdb[at] = random.below(256) & mask;
  if (kind < 9) {
    // Small numbers in the long fields: addresses and lengths that exist.
    for (let at = 2; at < usage.length; at++) if (random.below(8) > 0) cdb[at] = 0;
    const last = usage.findLastIndex((mask, at) => at > 1 && mask === 0xff);
    if (last > 1) cdb[last] = random.below(32);
  } else if (kind === 9) {
    for (const [at, mask] of usage.entries()) if (at > 1) cdb[at] = mask;
  } else if (kind === 10) {
    cdb[1 + random.below(cdb.length - 1)] = random.below(256);
  }
  if (random.oneIn(4)) writeLbaAtEnd(random, cdb, usage.length);
  if (random.oneIn(3)) cdb[1] = 0;
  cdb[0] = description.operationCode;
  if (description.operationCode === VARIABLE_LENGTH) {
    if (random.below(8) > 0) cdb[ADDITIONAL_CDB_LENGTH] = usage.length - 8;
    cdb.writeUInt16BE(description.serviceAction ?? 0, 8);
    return cdb;
  }
  if (description.serviceAction !== undefined) cdb[1] = ((cdb[1] ?? 0) & 0xe0) | description.serviceAction;
  return cdb;
}

/** The data that comes with a command: a parameter list that could be one, or anything. */
export function randomParameterList(random: Random, length: number): Uint8Array {
  const list = randomBytes(random, length);
  if (length < 16 || random.oneIn(3)) return list;
  // Lengths and page codes where UNMAP, MODE SELECT and their like have them.
  list.writeUInt16BE(random.pick([length - 2, 0, length, 0xffff]) % 65_536, 0);
  list.writeUInt16BE(random.pick([length - 8, 16, 0, 0xfff0]) % 65_536, 2);
  list[8] = random.pick([0x08, 0x0a, 0x1c, 0x3f, 0x00, 0xff]);
  list[9] = random.pick([0x12, 0x0a, 0x00, 0xff]);
  if (length >= 24) {
    list.writeUInt32BE(random.oneIn(2) ? 0 : anyU32(random), 8);
    list.writeUInt32BE(random.below(1024), 12);
    list.writeUInt32BE(random.oneIn(2) ? random.below(64) : anyU32(random), 16);
  }
  return list;
}
