/**
 * The options of a message: a list in the order of first appearance that keeps every value byte-exact, known or not.
 *
 * Instances of one code are one value (RFC 3396 §5): splitting into 255-byte pieces happens only on the wire.
 */

import { ProtocolError } from '../bytes/index.ts';
import type { OptionCodec } from './option-codec.ts';
import { encodedLength, endOfOptions, writeOption } from './option-instance.ts';

/** An option's number, name and the form of its value. */
export interface OptionType<T> {
  readonly code: number;
  readonly name: string;
  readonly codec: OptionCodec<T>;
}

export class OptionList implements Iterable<readonly [number, Uint8Array]> {
  readonly #values = new Map<number, Uint8Array>();

  constructor(entries?: Iterable<readonly [number, Uint8Array]>) {
    if (entries !== undefined) for (const [code, value] of entries) this.append(code, value);
  }

  get size(): number {
    return this.#values.size;
  }

  has(option: OptionType<unknown>): boolean {
    return this.#values.has(option.code);
  }

  /** The value, or undefined when the option is absent. Raises DHCP_OPTION_INVALID when its bytes are not of its form. */
  get<T>(option: OptionType<T>): T | undefined {
    const bytes = this.#values.get(option.code);
    if (bytes === undefined) return undefined;
    try {
      return option.codec.decode(bytes);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const what = `option ${option.code} (${option.name}): ${error.message}`;
      throw new ProtocolError('DHCP_OPTION_INVALID', what, { cause: error });
    }
  }

  /** The value, or undefined when the option is absent or malformed: for what a peer may get wrong without harm. */
  find<T>(option: OptionType<T>): T | undefined {
    try {
      return this.get(option);
    } catch (error) {
      if (error instanceof ProtocolError) return undefined;
      throw error;
    }
  }

  set<T>(option: OptionType<T>, value: T): this {
    return this.setRaw(option.code, option.codec.encode(value));
  }

  raw(code: number): Uint8Array | undefined {
    return this.#values.get(code);
  }

  setRaw(code: number, value: Uint8Array): this {
    if (code < 1 || code > 254) throw new RangeError(`${code} is not an option code (1..254)`);
    this.#values.set(code, value);
    return this;
  }

  /** Adds a further instance of a code: its bytes continue the value (RFC 3396 §7). */
  append(code: number, value: Uint8Array): this {
    const before = this.#values.get(code);
    if (before === undefined) return this.setRaw(code, value);
    const joined = new Uint8Array(before.length + value.length);
    joined.set(before);
    joined.set(value, before.length);
    return this.setRaw(code, joined);
  }

  /** Bytes that the options take on the wire, without the end. */
  get encodedLength(): number {
    let length = 0;
    // Unlike an iterator, it makes no pair of each entry; replies are written thousands of times a second.
    this.#values.forEach((value) => {
      length += encodedLength(value.length);
    });
    return length;
  }

  /** Writes the options at `start`, and the end behind them. */
  write(into: Uint8Array, start: number): void {
    let at = start;
    this.#values.forEach((value, code) => {
      at = writeOption(into, at, code, value);
    });
    into[at] = endOfOptions;
  }

  delete(code: number): boolean {
    return this.#values.delete(code);
  }

  codes(): IterableIterator<number> {
    return this.#values.keys();
  }

  [Symbol.iterator](): IterableIterator<readonly [number, Uint8Array]> {
    return this.#values.entries();
  }
}
