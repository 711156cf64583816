/** Random SCSI commands as PDUs, and the data that they or their R2Ts ask for. */

import { encodeExtendedCdb } from '../../../src/iscsi/additional-header.ts';
import { Opcode } from '../../../src/iscsi/opcode.ts';
import { DataOut, ScsiCommand } from '../../../src/iscsi/pdu.ts';
import type { Random } from '../../support/random.ts';
import { anyU32, damaged, near, randomBytes } from './bytes.ts';
import { randomCdb, randomLun, randomParameterList } from './command.ts';
import { anyTag, nothing, type PduMaker, requestFields } from './request.ts';

/** Bytes of a CDB that the basic header holds. */
const CDB_IN_HEADER = 16;

const lengths = [0, 1, 8, 24, 36, 255, 512, 1024, 4096, 8192, 65_536, 262_144, 0xff_ffff, 0xffff_ffff] as const;

export const scsiCommand: PduMaker = (random, connection) => {
  const cdb = randomCdb(random);
  const direction = random.below(8);
  const write = direction >= 4 && direction < 7;
  const length = random.oneIn(2) ? (cdb[8] ?? 0) * 512 + random.below(3) * 512 : random.pick(lengths);
  const data = write && random.below(3) > 0 ? Math.min(length, random.pick([8, 24, 512, 4096, 8192, 65_536])) : 0;
  const header = ScsiCommand.encode({
    ...requestFields(random, connection),
    opcode: Opcode.scsiCommand,
    // Neither F nor W ends the session, as an attribute does that there is none of.
    final: (!write && random.below(100) > 0) || random.below(6) > 0,
    read: direction < 4 || direction === 7,
    write: write || direction === 7,
    attribute: random.oneIn(2) ? 1 : random.below(random.oneIn(50) ? 8 : 5),
    lun: randomLun(random),
    expectedDataTransferLength: length,
    cdb: cdb.subarray(0, CDB_IN_HEADER),
  });
  const list = data > 0 ? randomParameterList(random, data) : nothing;
  return {
    kind: 'SCSI Command',
    header,
    data: list,
    ...(cdb.length > CDB_IN_HEADER ? { ahs: extendedCdb(random, cdb) } : {}),
  };
};

/** What the CDB field does not hold, mostly as it must be. */
function extendedCdb(random: Random, cdb: Uint8Array): Uint8Array {
  const sound = encodeExtendedCdb(cdb);
  if (random.below(6) > 0) return sound;
  const broken = damaged(random, sound);
  return broken.subarray(0, broken.length & ~3);
}

/** What an R2T asked for, or almost; on its own connection or on another. */
export const dataOut: PduMaker = (random, connection) => {
  const { r2ts } = connection.session;
  const own = r2ts.filter((r2t) => r2t.connection === connection);
  const choice = own.length > 0 && random.below(4) > 0 ? own : r2ts;
  const r2t = choice[random.below(Math.max(1, choice.length))];
  const honest = random.below(4) > 0;
  const wanted = r2t?.length ?? 512;
  const length = Math.min(262_144, honest ? wanted : near(random, wanted) % 300_000);
  const header = DataOut.encode({
    opcode: Opcode.dataOut,
    final: honest || random.oneIn(2),
    lun: randomLun(random),
    initiatorTaskTag: r2t === undefined || random.oneIn(10) ? anyTag(random, connection) : r2t.initiatorTaskTag,
    targetTransferTag: r2t === undefined || random.oneIn(10) ? anyU32(random) : r2t.targetTransferTag,
    expStatSN: connection.expStatSN,
    dataSN: honest ? 0 : random.below(4),
    bufferOffset: honest ? (r2t?.bufferOffset ?? 0) : near(random, r2t?.bufferOffset ?? 0),
  });
  return { kind: 'Data-Out', header, data: length > 0 ? randomBytes(random, Math.min(length, 65_536)) : nothing };
};
