/** CDBs and data that tests of the transport send. */

import { Transfer10Cdb } from '../../src/scsi/index.ts';

export const BLOCK = 512;

export const read = (blocks: number, logicalBlockAddress = 0): Uint8Array =>
  Transfer10Cdb.encode({ operationCode: 0x28, logicalBlockAddress, transferLength: blocks });

export const write = (blocks: number, logicalBlockAddress = 0): Uint8Array =>
  Transfer10Cdb.encode({ operationCode: 0x2a, logicalBlockAddress, transferLength: blocks });

export const testUnitReady = new Uint8Array(16);

/** Bytes that tell from themselves where they belong. */
export const pattern = (length: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 9)) & 0xff));
