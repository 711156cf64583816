/** REPORT and SET TIMESTAMP (SPC-4): milliseconds since the Unix epoch, in 48 bits. */

import { bits, type Field, layout, readU16, readU32, u8, u16, u32, writeU16, writeU32 } from '../bytes/index.ts';

/** TIMESTAMP ORIGIN: who has set it. */
export const TimestampOrigin = { zeroAtPowerOn: 0, setByCommand: 2, setOtherwise: 3 } as const;

export const ReportTimestampCdb = layout('REPORT TIMESTAMP', 12, {
  operationCode: u8(0),
  serviceAction: bits(1, 0, 5),
  allocationLength: u32(6),
});

export const SetTimestampCdb = layout('SET TIMESTAMP', 12, {
  operationCode: u8(0),
  serviceAction: bits(1, 0, 5),
  parameterListLength: u32(6),
});

function u48(offset: number): Field<number> {
  return {
    offset,
    length: 6,
    read: (from, at) => readU16(from, at + offset) * 0x1_0000_0000 + readU32(from, at + offset + 2),
    write: (into, at, value) => {
      writeU16(into, at + offset, Math.floor(value / 0x1_0000_0000));
      writeU32(into, at + offset + 2, value % 0x1_0000_0000);
    },
  };
}

/** What REPORT TIMESTAMP answers; `timestamp` of SET TIMESTAMP's parameter list stands in the same place. */
export const TimestampData = layout('TIMESTAMP parameter data', 12, {
  length: u16(0),
  origin: bits(2, 0, 3),
  timestamp: u48(4),
});

export function encodeTimestamp(timestamp: number, origin: number): Uint8Array<ArrayBuffer> {
  return TimestampData.encode({ length: TimestampData.size - 2, origin, timestamp });
}

/** The time that SET TIMESTAMP's list asks for; undefined when it is cut off. */
export function decodeSetTimestamp(list: Uint8Array): number | undefined {
  return list.length < TimestampData.size ? undefined : TimestampData.view(list).timestamp;
}
