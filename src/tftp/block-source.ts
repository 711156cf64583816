/**
 * The bytes of a file in the mode of the transfer. A transfer keeps places in it and no data: what is lost on the way is read again,
 * from the memory or page cache that all transfers of the file share.
 */

/** A file to be sent. `read` is called in the turn of the packet that asks for it: the data should be in memory or the page cache. */
export interface TftpFile {
  /** Bytes. */
  readonly size: number;
  /** `length` bytes from `offset`; fewer only at the end of the file. */
  read(offset: number, length: number): Uint8Array;
  /** Called once, when the transfer is over. */
  close?(): void;
}

export interface SourceBlock {
  readonly data: Uint8Array;
  /** The place after it. */
  readonly next: number;
}

export interface BlockSource {
  /** `length` bytes from a place that an earlier block named; fewer only at the end. The first place is 0. */
  read(place: number, length: number): SourceBlock;
}

/** The file as it is: places are offsets. */
export class OctetSource implements BlockSource {
  readonly #file: TftpFile;

  constructor(file: TftpFile) {
    this.#file = file;
  }

  read(place: number, length: number): SourceBlock {
    const data = this.#file.read(place, Math.min(length, this.#file.size - place));
    return { data, next: place + data.length };
  }
}

const lineFeed = 10;
const carriageReturn = 13;

/**
 * NVT ASCII (RFC 1350 §2, RFC 764): a line ends with CR LF, a lone CR is CR NUL. A place is twice the offset in the file, and one
 * more where a block has ended between the two bytes that one has become.
 */
export class NetasciiSource implements BlockSource {
  readonly #file: TftpFile;

  constructor(file: TftpFile) {
    this.#file = file;
  }

  read(place: number, length: number): SourceBlock {
    const start = Math.floor(place / 2);
    // No byte becomes less than one.
    const octets = this.#file.read(start, Math.min(length, this.#file.size - start));
    const data = new Uint8Array(length);
    let filled = 0;
    let at = place;
    while (filled < length) {
      const octet = octets[Math.floor(at / 2) - start];
      if (octet === undefined) break;
      if (at % 2 === 1) {
        data[filled++] = octet === lineFeed ? lineFeed : 0;
        at += 1;
      } else {
        data[filled++] = octet === lineFeed ? carriageReturn : octet;
        at += octet === lineFeed || octet === carriageReturn ? 1 : 2;
      }
    }
    return { data: data.subarray(0, filled), next: at };
  }
}
