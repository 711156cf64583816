/** The bytes of a file, block after block, in the mode of the transfer. */

/** A file to be sent. `read` is called in the turn of the packet that asks for it: the data should be in memory or the page cache. */
export interface TftpFile {
  /** Bytes. */
  readonly size: number;
  /** `length` bytes from `offset`; fewer only at the end of the file. */
  read(offset: number, length: number): Uint8Array;
  /** Called once, when the transfer is over. */
  close?(): void;
}

export interface BlockSource {
  /** The next `length` bytes; fewer only at the end. */
  next(length: number): Uint8Array;
}

/** The file as it is. */
export class OctetSource implements BlockSource {
  readonly #file: TftpFile;
  #offset = 0;

  constructor(file: TftpFile) {
    this.#file = file;
  }

  next(length: number): Uint8Array {
    const data = this.#file.read(this.#offset, Math.min(length, this.#file.size - this.#offset));
    this.#offset += data.length;
    return data;
  }
}

const lineFeed = 10;
const carriageReturn = 13;
const readLength = 16_384;

/** NVT ASCII (RFC 1350 §2, RFC 764): a line ends with CR LF, a lone CR is CR NUL. */
export class NetasciiSource implements BlockSource {
  readonly #octets: OctetSource;
  #converted: Uint8Array = new Uint8Array(0);
  #ended = false;

  constructor(file: TftpFile) {
    this.#octets = new OctetSource(file);
  }

  next(length: number): Uint8Array {
    while (this.#converted.length < length && !this.#ended) {
      const octets = this.#octets.next(readLength);
      this.#ended = octets.length < readLength;
      this.#converted = concatenate(this.#converted, toNetascii(octets));
    }
    const block = this.#converted.slice(0, length);
    this.#converted = this.#converted.subarray(block.length);
    return block;
  }
}

function toNetascii(octets: Uint8Array): Uint8Array {
  const into = new Uint8Array(octets.length * 2);
  let at = 0;
  for (const byte of octets) {
    if (byte === lineFeed) into[at++] = carriageReturn;
    into[at++] = byte;
    if (byte === carriageReturn) into[at++] = 0;
  }
  return into.subarray(0, at);
}

function concatenate(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}
