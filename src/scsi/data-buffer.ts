/** READ BUFFER and WRITE BUFFER (SPC-4, SPC-5): the test of the way between initiator and unit, without the medium. */

import { bits, layout, u8, u24, u32 } from '../bytes/index.ts';
import { blockAddress64 } from './block-address.ts';

/** MODE: `data` is a buffer that all share, `echo` one that gives back what was written to it. */
export const BufferMode = { data: 0x02, descriptor: 0x03, echo: 0x0a, echoDescriptor: 0x0b } as const;

export const ReadBuffer10Cdb = layout('READ BUFFER(10)', 10, {
  operationCode: u8(0),
  mode: bits(1, 0, 5),
  bufferId: u8(2),
  bufferOffset: u24(3),
  allocationLength: u24(6),
});

export const ReadBuffer16Cdb = layout('READ BUFFER(16)', 16, {
  operationCode: u8(0),
  mode: bits(1, 0, 5),
  bufferOffset: blockAddress64(2),
  allocationLength: u32(10),
  bufferId: u8(14),
});

export const WriteBufferCdb = layout('WRITE BUFFER', 10, {
  operationCode: u8(0),
  mode: bits(1, 0, 5),
  bufferId: u8(2),
  bufferOffset: u24(3),
  parameterListLength: u24(6),
});

/** Bytes of a buffer: more than any one burst, little enough to keep one for each unit. */
export const BUFFER_CAPACITY = 64 * 1024;

/** The largest echo buffer that its descriptor's thirteen bits allow in whole blocks. */
export const ECHO_CAPACITY = 4096;

/** OFFSET BOUNDARY 0: offsets may be any byte. */
const BufferDescriptor = layout('READ BUFFER descriptor', 4, { offsetBoundary: u8(0), bufferCapacity: u24(1) });
const EchoDescriptor = layout('echo buffer descriptor', 4, {
  capacityHigh: bits(2, 0, 5),
  capacityLow: u8(3),
});

export function encodeBufferDescriptor(bufferId: number): Uint8Array<ArrayBuffer> {
  // A buffer that does not exist has no capacity.
  return BufferDescriptor.encode({ bufferCapacity: bufferId === 0 ? BUFFER_CAPACITY : 0 });
}

/** EBOS 0: another nexus may overwrite what was written. */
export function encodeEchoDescriptor(): Uint8Array<ArrayBuffer> {
  return EchoDescriptor.encode({ capacityHigh: ECHO_CAPACITY >>> 8, capacityLow: ECHO_CAPACITY & 0xff });
}
