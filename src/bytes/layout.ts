/**
 * Binary layouts, declared once: reading and writing both come from the table.
 *
 * A layout makes a view class whose getters read straight from the bytes when they are asked for, so that looking at two fields
 * of a 48-byte header costs two loads and no object per field. All multi-byte integers are big-endian (network order) unless the
 * layout says otherwise.
 *
 *     const TextRequest = layout('Text Request', 48, {
 *       opcode: bits(0, 0, 6),
 *       immediate: flag(0, 6),
 *       final: flag(1, 7),
 *       dataSegmentLength: u24(5),
 *       initiatorTaskTag: u32(16),
 *     });
 *     const request = TextRequest.view(bytes, 0);
 *     request.initiatorTaskTag;
 *     const bytes = TextRequest.encode({ opcode: 0x04, final: true, initiatorTaskTag: 7 });
 */

import { ProtocolError } from './error.ts';
import { partOf } from './part.ts';

export interface Field<T> {
  /** First byte of the field, from the start of the structure. */
  readonly offset: number;
  /** How many bytes it touches. */
  readonly length: number;
  read(bytes: Uint8Array, at: number): T;
  write(bytes: Uint8Array, at: number, value: T): void;
}

/** A boolean: bit 0 is the least significant one of its byte. */
export function flag(offset: number, bit: number): Field<boolean> {
  const mask = 1 << bit;
  return {
    offset,
    length: 1,
    read: (bytes, at) => ((bytes[at + offset] as number) & mask) !== 0,
    write: (bytes, at, value) => {
      const old = bytes[at + offset] as number;
      bytes[at + offset] = value ? old | mask : old & ~mask;
    },
  };
}

/** `width` bits of one byte, the lowest of them being `bit`. */
export function bits(offset: number, bit: number, width: number): Field<number> {
  const mask = (1 << width) - 1;
  return {
    offset,
    length: 1,
    read: (bytes, at) => ((bytes[at + offset] as number) >> bit) & mask,
    write: (bytes, at, value) => {
      bytes[at + offset] = ((bytes[at + offset] as number) & ~(mask << bit)) | ((value & mask) << bit);
    },
  };
}

export function u8(offset: number): Field<number> {
  return {
    offset,
    length: 1,
    read: (bytes, at) => bytes[at + offset] as number,
    write: (bytes, at, value) => {
      bytes[at + offset] = value;
    },
  };
}

export function u16(offset: number): Field<number> {
  return {
    offset,
    length: 2,
    read: (bytes, at) => readU16(bytes, at + offset),
    write: (bytes, at, value) => writeU16(bytes, at + offset, value),
  };
}

export function u24(offset: number): Field<number> {
  return {
    offset,
    length: 3,
    read: (bytes, at) => readU24(bytes, at + offset),
    write: (bytes, at, value) => writeU24(bytes, at + offset, value),
  };
}

export function u32(offset: number): Field<number> {
  return {
    offset,
    length: 4,
    read: (bytes, at) => readU32(bytes, at + offset),
    write: (bytes, at, value) => writeU32(bytes, at + offset, value),
  };
}

/** 64 bits as a bigint: for values that can pass 2^53. */
export function u64(offset: number): Field<bigint> {
  return {
    offset,
    length: 8,
    read: (bytes, at) => readU64(bytes, at + offset),
    write: (bytes, at, value) => writeU64(bytes, at + offset, value),
  };
}

/** A run of bytes. Reading gives a view of them, not a copy; writing a shorter value leaves the rest zero. */
export function bytes(offset: number, length: number): Field<Uint8Array> {
  return {
    offset,
    length,
    read: (from, at) => partOf(from, at + offset, at + offset + length),
    write: (into, at, value) => {
      if (value.length > length) throw new RangeError(`${value.length} bytes do not fit a field of ${length}`);
      into.fill(0, at + offset + value.length, at + offset + length);
      into.set(value, at + offset);
    },
  };
}

type FieldTable = Record<string, Field<never>>;
type ValueOf<F> = F extends Field<infer T> ? T : never;

/** The fields of a layout as a plain object's type. */
export type Values<T> = { [K in keyof T]: ValueOf<T[K]> };

/** What every view has beside its fields. */
export interface ViewBase {
  /** The bytes that the view reads from. */
  readonly source: Uint8Array;
  /** Where in `source` the structure starts. */
  readonly start: number;
}

/** A structure read in place. */
export type View<L> = L extends Layout<infer T> ? ViewBase & Readonly<Values<T>> : never;

/** A structure's table with the functions that follow from it. */
export interface Layout<T> {
  readonly name: string;
  /** Bytes of the fixed part. */
  readonly size: number;
  readonly fields: T;
  /** A view of `source` at `start`. Raises LAYOUT_TRUNCATED when fewer than `size` bytes follow. */
  view(source: Uint8Array, start?: number): ViewBase & Readonly<Values<T>>;
  /** A view whose fields can be assigned: each assignment writes through to `source`. The fast way to fill a reused header. */
  edit(source: Uint8Array, start?: number): ViewBase & Values<T>;
  /** New bytes; fields that are not given are zero. */
  encode(values: Partial<Values<T>>): Uint8Array<ArrayBuffer>;
  /** Writes the given fields into `into` at `start` and leaves all others as they are. */
  write(into: Uint8Array, start: number, values: Partial<Values<T>>): void;
  /** Every field's value, copied: for logs, tests and JSON. */
  values(view: ViewBase): Values<T>;
}

/** Declares a structure of `size` bytes. Raises RangeError at load time when a field leaves it or takes a name of ViewBase. */
export function layout<T extends { [K in keyof T]: Field<ValueOf<T[K]>> }>(
  name: string,
  size: number,
  fields: T,
): Layout<T> {
  const table = Object.entries(fields as unknown as FieldTable);
  for (const [key, field] of table) {
    if (field.offset + field.length > size) throw new RangeError(`${name}: ${key} ends after byte ${size}`);
    if (key === 'source' || key === 'start') throw new RangeError(`${name}: ${key} is a view's own`);
  }

  class StructureView implements ViewBase {
    readonly source: Uint8Array;
    readonly start: number;
    constructor(source: Uint8Array, start: number) {
      this.source = source;
      this.start = start;
    }
    toJSON(): Values<T> {
      return values(this);
    }
  }
  for (const [key, field] of table) {
    Object.defineProperty(StructureView.prototype, key, {
      enumerable: true,
      get(this: StructureView) {
        return field.read(this.source, this.start);
      },
      set(this: StructureView, value: never) {
        field.write(this.source, this.start, value);
      },
    });
  }

  function write(into: Uint8Array, start: number, given: Partial<Values<T>>): void {
    for (const key in given) {
      const value = given[key];
      if (value !== undefined) (fields[key] as Field<unknown>).write(into, start, value);
    }
  }

  function values(view: ViewBase): Values<T> {
    const entries = table.map(([key, field]) => {
      const value: unknown = field.read(view.source, view.start);
      return [key, value instanceof Uint8Array ? value.slice() : value];
    });
    return Object.fromEntries(entries) as Values<T>;
  }

  // The getters and setters above are the fields, which the type checker cannot see.
  function at(source: Uint8Array, start = 0): ViewBase & Values<T> {
    if (start < 0 || source.length - start < size) {
      throw new ProtocolError('LAYOUT_TRUNCATED', `${name} needs ${size} bytes, ${source.length - start} are there`);
    }
    return new StructureView(source, start) as unknown as ViewBase & Values<T>;
  }

  return {
    name,
    size,
    fields,
    view: at,
    edit: at,
    encode(given) {
      const result = new Uint8Array(size);
      write(result, 0, given);
      return result;
    },
    write,
    values,
  };
}

export function readU16(from: Uint8Array, at: number): number {
  return ((from[at] as number) << 8) | (from[at + 1] as number);
}

export function readU24(from: Uint8Array, at: number): number {
  return ((from[at] as number) << 16) | ((from[at + 1] as number) << 8) | (from[at + 2] as number);
}

export function readU32(from: Uint8Array, at: number): number {
  return (
    (((from[at] as number) << 24) |
      ((from[at + 1] as number) << 16) |
      ((from[at + 2] as number) << 8) |
      (from[at + 3] as number)) >>>
    0
  );
}

export function readU64(from: Uint8Array, at: number): bigint {
  return (BigInt(readU32(from, at)) << 32n) | BigInt(readU32(from, at + 4));
}

export function writeU16(into: Uint8Array, at: number, value: number): void {
  into[at] = value >>> 8;
  into[at + 1] = value;
}

export function writeU24(into: Uint8Array, at: number, value: number): void {
  into[at] = value >>> 16;
  into[at + 1] = value >>> 8;
  into[at + 2] = value;
}

export function writeU32(into: Uint8Array, at: number, value: number): void {
  into[at] = value >>> 24;
  into[at + 1] = value >>> 16;
  into[at + 2] = value >>> 8;
  into[at + 3] = value;
}

export function writeU64(into: Uint8Array, at: number, value: bigint): void {
  writeU32(into, at, Number((value >> 32n) & 0xffff_ffffn));
  writeU32(into, at + 4, Number(value & 0xffff_ffffn));
}
