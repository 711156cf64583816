/** Fields whose first byte is the lowest, for the layouts that firmware and disks use: partition tables, ACPI tables. */

import type { Field } from './layout.ts';

export function u16le(offset: number): Field<number> {
  return {
    offset,
    length: 2,
    read: (bytes, at) => (bytes[at + offset] as number) | ((bytes[at + offset + 1] as number) << 8),
    write: (bytes, at, value) => {
      bytes[at + offset] = value;
      bytes[at + offset + 1] = value >>> 8;
    },
  };
}

export function u32le(offset: number): Field<number> {
  return {
    offset,
    length: 4,
    read: (bytes, at) => readU32le(bytes, at + offset),
    write: (bytes, at, value) => writeU32le(bytes, at + offset, value),
  };
}

/** 64 bits as a bigint: for values that can pass 2^53. */
export function u64le(offset: number): Field<bigint> {
  return {
    offset,
    length: 8,
    read: (bytes, at) => (BigInt(readU32le(bytes, at + offset + 4)) << 32n) | BigInt(readU32le(bytes, at + offset)),
    write: (bytes, at, value) => {
      writeU32le(bytes, at + offset, Number(value & 0xffff_ffffn));
      writeU32le(bytes, at + offset + 4, Number((value >> 32n) & 0xffff_ffffn));
    },
  };
}

function readU32le(from: Uint8Array, at: number): number {
  const [a, b, c, d] = [from[at], from[at + 1], from[at + 2], from[at + 3]] as [number, number, number, number];
  return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
}

function writeU32le(into: Uint8Array, at: number, value: number): void {
  into[at] = value;
  into[at + 1] = value >>> 8;
  into[at + 2] = value >>> 16;
  into[at + 3] = value >>> 24;
}
