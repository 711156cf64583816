/**
 * Cuts PDUs out of a byte stream (RFC 7143 §11.2): header, additional headers, header digest, data, padding, data digest.
 *
 * Data segments are handed on as slices of the chunks they arrived in, never copied; only a header that straddles two chunks is
 * put together.
 */

import { ByteQueue, crc32c, ProtocolError, readU24 } from '../bytes/index.ts';
import { BASIC_HEADER_LENGTH } from './pdu.ts';

export interface Pdu {
  /** The basic header segment: 48 bytes. */
  readonly header: Uint8Array;
  /** All additional header segments, in one run. */
  readonly ahs: Uint8Array;
  /** The data segment without padding, in as many pieces as it arrived in. */
  readonly data: readonly Uint8Array[];
  readonly dataLength: number;
  /** False when a data digest was in force and did not match (RFC 7143 §7.8). */
  readonly dataDigestOk: boolean;
}

export interface PduReaderOptions {
  /** What this side declared: a longer data segment is a protocol error (RFC 7143 §13.12). */
  readonly maxDataSegmentLength: number;
  readonly headerDigest: boolean;
  readonly dataDigest: boolean;
}

const DIGEST_LENGTH = 4;
const nothing = new Uint8Array(0);
const noData: readonly Uint8Array[] = [];

export class PduReader {
  #options: PduReaderOptions;
  readonly #bytes = new ByteQueue();
  /** The header whose data has not all arrived. */
  #header: Uint8Array | undefined;
  #ahs: Uint8Array = nothing;
  #dataLength = 0;

  constructor(options: PduReaderOptions) {
    this.#options = options;
  }

  /** Bytes that wait for the rest of their PDU. */
  get buffered(): number {
    return this.#bytes.length;
  }

  /** Digests and lengths change when the full feature phase starts. */
  configure(options: PduReaderOptions): void {
    this.#options = options;
  }

  push(chunk: Uint8Array): void {
    this.#bytes.push(chunk);
  }

  /**
   * The next whole PDU, or undefined until more bytes are pushed. Raises ISCSI_HEADER_DIGEST and ISCSI_DATA_TOO_LONG, after which
   * the stream has lost its place and the connection must end (RFC 7143 §7.7).
   */
  next(): Pdu | undefined {
    const header = this.#header ?? this.#takeHeader();
    if (header === undefined) return undefined;
    const dataLength = this.#dataLength;
    if (dataLength === 0) return this.#finish(header, noData, true);

    const padding = -dataLength & 3;
    const digestLength = this.#options.dataDigest ? DIGEST_LENGTH : 0;
    if (this.#bytes.length < dataLength + padding + digestLength) {
      this.#header = header;
      return undefined;
    }
    this.#header = undefined;
    const data = this.#bytes.takeSlices(dataLength);
    if (digestLength === 0) {
      this.#bytes.take(padding);
      return this.#finish(header, data, true);
    }
    let digest = 0;
    for (const slice of data) digest = crc32c(slice, digest);
    digest = crc32c(this.#bytes.take(padding), digest);
    return this.#finish(header, data, digest === readDigest(this.#bytes.take(DIGEST_LENGTH)));
  }

  #finish(header: Uint8Array, data: readonly Uint8Array[], dataDigestOk: boolean): Pdu {
    return { header, ahs: this.#ahs, data, dataLength: this.#dataLength, dataDigestOk };
  }

  /** Takes basic header, additional headers and header digest once all of them are there. */
  #takeHeader(): Uint8Array | undefined {
    if (this.#bytes.length < BASIC_HEADER_LENGTH) return undefined;
    const ahsLength = this.#bytes.peek(4) * 4;
    const digestLength = this.#options.headerDigest ? DIGEST_LENGTH : 0;
    if (this.#bytes.length < BASIC_HEADER_LENGTH + ahsLength + digestLength) return undefined;
    const header = this.#bytes.take(BASIC_HEADER_LENGTH);
    const ahs = ahsLength === 0 ? nothing : this.#bytes.take(ahsLength);
    if (digestLength !== 0) {
      const expected = crc32c(ahs, crc32c(header));
      if (expected !== readDigest(this.#bytes.take(DIGEST_LENGTH))) {
        throw new ProtocolError('ISCSI_HEADER_DIGEST', 'the header digest of a PDU does not match its header');
      }
    }
    const dataLength = readU24(header, 5);
    if (dataLength > this.#options.maxDataSegmentLength) {
      throw new ProtocolError(
        'ISCSI_DATA_TOO_LONG',
        `a PDU announces ${dataLength} bytes of data, ${this.#options.maxDataSegmentLength} are allowed`,
      );
    }
    this.#ahs = ahs;
    this.#dataLength = dataLength;
    return header;
  }
}

/** Digests are sent with the low byte first (RFC 7143 §13.1: the CRC's bits are mapped so). */
function readDigest(bytes: Uint8Array): number {
  const [a = 0, b = 0, c = 0, d = 0] = bytes;
  return (a | (b << 8) | (c << 16) | (d << 24)) >>> 0;
}
