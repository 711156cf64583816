/** Messages cut from a TCP connection, however its bytes arrive (RFC 2608 §6.2). */

import { inOnePiece, ProtocolError, totalLength } from '../bytes/index.ts';
import { HeaderLayout } from './header.ts';
import { SLP_VERSION } from './protocol.ts';

export class MessageStream {
  readonly #longest: number;
  #chunks: Uint8Array[] = [];
  #buffered = 0;

  /** `longest`: bytes of a message that are still taken. */
  constructor(longest: number) {
    this.#longest = longest;
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
  }

  /**
   * The bytes of the next whole message; undefined when it has not come yet. Raises SLP_VERSION_UNSUPPORTED, SLP_MESSAGE_INVALID,
   * SLP_MESSAGE_TOO_LONG: then nothing of the stream can be told apart any more.
   */
  next(): Uint8Array | undefined {
    if (this.#buffered < HeaderLayout.size) return undefined;
    const length = this.#length();
    if (this.#buffered < length) return undefined;
    const all = inOnePiece(this.#chunks);
    this.#chunks = all.length === length ? [] : [all.subarray(length)];
    this.#buffered = totalLength(this.#chunks);
    return all.subarray(0, length);
  }

  /** What has come behind the last message. */
  get rest(): Uint8Array {
    return inOnePiece(this.#chunks);
  }

  #length(): number {
    const [first] = this.#chunks;
    if (first === undefined || first.length < HeaderLayout.size) this.#chunks = [inOnePiece(this.#chunks)];
    const { version, length } = HeaderLayout.view(this.#chunks[0] ?? new Uint8Array());
    if (version !== SLP_VERSION) {
      throw new ProtocolError('SLP_VERSION_UNSUPPORTED', `a message of version ${version} of SLP`);
    }
    if (length < HeaderLayout.size) throw new ProtocolError('SLP_MESSAGE_INVALID', `a message of ${length} bytes`);
    if (length > this.#longest) {
      throw new ProtocolError(
        'SLP_MESSAGE_TOO_LONG',
        `a message of ${length} bytes, of which ${this.#longest} are taken`,
      );
    }
    return length;
  }
}
