/** The options of a message, in their order, each value byte-exact, known or not. One code may be there several times (RFC 8415 §21.1). */

import { ProtocolError } from '../bytes/index.ts';
import type { OptionCodec } from './option-codec.ts';

/** An option's number, name and the form of its value. */
export interface OptionType<T> {
  readonly code: number;
  readonly name: string;
  readonly codec: OptionCodec<T>;
}

const LONGEST_VALUE = 0xffff;

export class OptionList implements Iterable<readonly [number, Uint8Array]> {
  #entries: (readonly [number, Uint8Array])[] = [];

  constructor(entries: Iterable<readonly [number, Uint8Array]> = []) {
    for (const [code, value] of entries) this.appendRaw(code, value);
  }

  get size(): number {
    return this.#entries.length;
  }

  has({ code }: OptionType<unknown>): boolean {
    return this.raw(code) !== undefined;
  }

  /** The first value, or undefined when the option is absent. Raises DHCP6_OPTION_INVALID when its bytes are not of its form. */
  get<T>(option: OptionType<T>): T | undefined {
    const bytes = this.raw(option.code);
    return bytes === undefined ? undefined : decode(option, bytes);
  }

  /** The first value, or undefined when the option is absent or malformed: for what a peer may get wrong without harm. */
  find<T>(option: OptionType<T>): T | undefined {
    const bytes = this.raw(option.code);
    return bytes === undefined ? undefined : decodeWellFormed(option, bytes);
  }

  /** Every value of the option. Raises DHCP6_OPTION_INVALID. */
  all<T>(option: OptionType<T>): T[] {
    return this.#entries.flatMap(([code, bytes]) => (code === option.code ? [decode(option, bytes)] : []));
  }

  /** Every value that is not malformed, as `find` for one. */
  findAll<T>(option: OptionType<T>): T[] {
    return this.#entries.flatMap(([code, bytes]) => {
      const value = code === option.code ? decodeWellFormed(option, bytes) : undefined;
      return value === undefined ? [] : [value];
    });
  }

  raw(wanted: number): Uint8Array | undefined {
    return this.#entries.find(([code]) => code === wanted)?.[1];
  }

  /** Puts one value in the place of all that are there. */
  set<T>(option: OptionType<T>, value: T): this {
    this.delete(option.code);
    return this.append(option, value);
  }

  append<T>(option: OptionType<T>, value: T): this {
    return this.appendRaw(option.code, option.codec.encode(value));
  }

  appendRaw(code: number, value: Uint8Array): this {
    if (code < 0 || code > 0xffff) throw new RangeError(`${code} is not an option code (0..65535)`);
    if (value.length > LONGEST_VALUE) throw new RangeError(`option ${code} is longer than ${LONGEST_VALUE} bytes`);
    this.#entries.push([code, value]);
    return this;
  }

  delete(unwanted: number): void {
    this.#entries = this.#entries.filter(([code]) => code !== unwanted);
  }

  codes(): number[] {
    return this.#entries.map(([code]) => code);
  }

  [Symbol.iterator](): IterableIterator<readonly [number, Uint8Array]> {
    return this.#entries.values();
  }
}

function decode<T>({ code, name, codec }: OptionType<T>, bytes: Uint8Array): T {
  try {
    return codec.decode(bytes);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new ProtocolError('DHCP6_OPTION_INVALID', `option ${code} (${name}): ${error.message}`, { cause: error });
  }
}

/** Undefined when the bytes are malformed. */
function decodeWellFormed<T>(option: OptionType<T>, bytes: Uint8Array): T | undefined {
  try {
    return decode(option, bytes);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
